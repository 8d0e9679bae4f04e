// For tests: shows in Python files what `python -m pyflakes` finds, at once and after each change.

const { execFile } = require("node:child_process");
const vscode = require("vscode");

exports.activate = function activate({ subscriptions }) {
  const found = vscode.languages.createDiagnosticCollection("pyflakes");
  const look = (document) => {
    if (document.languageId !== "python" || document.uri.scheme !== "file") {
      return;
    }
    const { version } = document;
    const python = vscode.workspace.getConfiguration("pyflakes").get("python");
    // It ends with 1 where it finds something.
    const process = execFile(python, ["-m", "pyflakes"], (_, said) => {
      if (document.version === version && !document.isClosed) {
        found.set(document.uri, diagnostics(document, said));
      }
    });
    process.stdin.end(document.getText());
  };
  vscode.workspace.textDocuments.forEach(look);
  subscriptions.push(
    found,
    vscode.workspace.onDidOpenTextDocument(look),
    vscode.workspace.onDidChangeTextDocument(({ document }) => look(document)),
    vscode.workspace.onDidCloseTextDocument(({ uri }) => found.delete(uri)),
  );
};

/** Reads lines such as `<stdin>:3:12: undefined name 'totla'`, whose column counts bytes from 1. */
function diagnostics(document, said) {
  return [...said.matchAll(/^<stdin>:(\d+):(\d+):? (.+)$/gm)].map(([, row, column, message]) => {
    const { text, lineNumber } = document.lineAt(Number(row) - 1);
    const start = Buffer.from(text)
      .subarray(0, Number(column) - 1)
      .toString().length;
    const end = start + (/^\w+/.exec(text.slice(start))?.[0].length ?? text.length - start);
    const range = new vscode.Range(lineNumber, start, lineNumber, end);
    const diagnostic = new vscode.Diagnostic(range, message, vscode.DiagnosticSeverity.Warning);
    diagnostic.source = "pyflakes";
    return diagnostic;
  });
}
