// For tests, in the place of the Python extension: the command takes the interpreter that the open
// folder's interpreter.txt names; what others ask is answered as that extension does.

const { readFileSync } = require("node:fs");
const vscode = require("vscode");

exports.activate = function activate({ subscriptions }) {
  const changed = new vscode.EventEmitter();
  const selected = () => {
    const [folder] = vscode.workspace.workspaceFolders;
    const file = vscode.Uri.joinPath(folder.uri, "interpreter.txt");
    return { path: readFileSync(file.fsPath, "utf8") };
  };
  let current = selected();
  subscriptions.push(
    changed,
    vscode.commands.registerCommand("python.select", () => {
      current = selected();
      changed.fire(current);
    }),
  );
  return {
    environments: {
      getActiveEnvironmentPath: () => current,
      resolveEnvironment: async ({ path }) => ({ executable: { uri: vscode.Uri.file(path) } }),
      onDidChangeActiveEnvironmentPath: changed.event,
    },
  };
};
