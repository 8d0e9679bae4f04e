/**
 * Claims on the extension that need no keys, checked inside of VS Code's extension host with its API.
 * VS Code calls `run`; it throws where a claim does not hold.
 */

import assert from "node:assert/strict";
import * as vscode from "vscode";
import type { Api } from "../../src/extension";
import { EMOJI, EMOJI_FIXED, FIX, LEDGER, LEDGER_FIXED, LINES } from "../journeys/texts";
import { until } from "../until";

const READY_MS = 60_000;

const claims: Record<string, (api: Api) => Promise<void>> = {
  "every command that is contributed is there": async () => {
    const { contributes } = extension().packageJSON as {
      contributes: { commands: { command: string }[] };
    };
    const registered = new Set(await vscode.commands.getCommands(true));
    const missing = contributes.commands.filter(({ command }) => !registered.has(command));
    assert.deepEqual(missing, []);
  },

  "a restart passes through the states in order, to another process": async (api) => {
    const before = api.serverPid();
    const passed: string[] = [];
    const listener = api.onDidChangeState((state) => passed.push(state));
    await vscode.commands.executeCommand("copydecode.restart");
    await ready(api);
    listener.dispose();
    assert.deepEqual(passed, ["finding", "starting", "loading", "ready"]);
    assert.notEqual(api.serverPid(), before);
  },

  "a diagnostic has a quick fix, whose edit is no larger than the mistake": async () => {
    const document = await shown("ledger.py", LEDGER);
    await found(document, 1);
    const [action, ...others] = await actions(document, new vscode.Range(7, 13, 7, 13));
    assert.deepEqual(others, []);
    assert.equal(action?.title, FIX);
    assert.ok(action.kind?.value === vscode.CodeActionKind.QuickFix.value);
    assert.deepEqual(
      action.edit?.entries().map(([uri, edits]) => [uri.fsPath, edits.length]),
      [[document.uri.fsPath, 1]],
    );
    const [[, [edit]]] = action.edit.entries() as [[vscode.Uri, [vscode.TextEdit]]];
    assert.deepEqual([edit.range.start, edit.range.end], [at(7, 17), at(7, 18)]);
    assert.equal(edit.newText, "");
  },

  "a quick fix leads to the text that is meant, and leaves a receipt": async (api) => {
    const document = await shown("ledger.py", LEDGER);
    await found(document, 1);
    const [action] = await actions(document, new vscode.Range(7, 13, 7, 13));
    assert.ok(action?.edit && (await vscode.workspace.applyEdit(action.edit)));
    assert.equal(document.getText(), LEDGER_FIXED);
    const last = await until("a receipt", () => api.lastReceipt());
    assert.equal(last.file, "ledger.py");
    assert.equal(last.receipt.hunks, 1);
    assert.ok((last.roundTripMs ?? 0) >= last.receipt.total_s * 1000 - 1, JSON.stringify(last));
  },

  "where nothing was found nothing is offered": async () => {
    const document = await shown("lines.py", LINES);
    assert.deepEqual(await actions(document, new vscode.Range(1, 0, 1, 0)), []);
  },

  "a selection has the last instructions as rewrites": async () => {
    const document = await shown("lines.py", LINES);
    await edit("delete line 3");
    await replaced(document, LINES);
    const offered = await actions(document, new vscode.Range(2, 0, 3, 0));
    assert.deepEqual(
      offered.map(({ title, kind }) => [title, kind?.value.split(".").slice(0, 2).join(".")]),
      [["Apply AI edit: delete line 3", "refactor.rewrite"]],
    );
  },

  "an edit by instruction keeps line ends and every other byte": async () => {
    const document = await shown("emoji.py", EMOJI);
    await found(document, 1);
    const [action] = await actions(document, new vscode.Range(3, 9, 3, 9));
    assert.ok(action?.edit && (await vscode.workspace.applyEdit(action.edit)));
    assert.equal(document.getText(), EMOJI_FIXED);
    await edit("delete line 1");
    assert.equal(document.getText(), EMOJI_FIXED.slice(EMOJI_FIXED.indexOf("\n") + 1));
  },

  "what is typed while an edit is computed is kept": async () => {
    const document = await shown("lines.py", LINES);
    const edited = edit("delete line 1");
    const editor = vscode.window.activeTextEditor;
    assert.ok(editor);
    await editor.edit((typing) => typing.insert(at(3, 5), "0"));
    await edited;
    assert.equal(document.getText(), "b = 2\nc = 3\nd = 40\n");
  },

  "a document without a file is edited, too": async () => {
    const document = await vscode.workspace.openTextDocument({
      content: LINES,
      language: "python",
    });
    await vscode.window.showTextDocument(document);
    await edit("delete line 2");
    assert.equal(document.getText(), "a = 1\nc = 3\nd = 4\n");
  },

  "a server that is killed comes back": async (api) => {
    const pid = api.serverPid();
    assert.ok(pid);
    process.kill(pid, "SIGKILL");
    await until(
      "another process",
      () => api.serverPid() !== pid && api.state() === "ready",
      READY_MS,
    );
    const document = await shown("lines.py", LINES);
    await edit("delete line 2");
    assert.equal(document.getText(), "a = 1\nc = 3\nd = 4\n");
  },
};

export async function run(): Promise<void> {
  const api = (await extension().activate()) as Api;
  await ready(api);
  const failed: string[] = [];
  for (const [claim, check] of Object.entries(claims)) {
    try {
      await check(api);
      console.log(`ok - ${claim}`);
    } catch (error) {
      failed.push(claim);
      console.log(`not ok - ${claim}\n${error instanceof Error ? error.stack : String(error)}`);
    }
    await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
  }
  if (failed.length > 0) {
    throw new Error(
      `of ${Object.keys(claims).length} claims these do not hold: ${failed.join("; ")}`,
    );
  }
}

function extension(): vscode.Extension<unknown> {
  const found = vscode.extensions.getExtension("copydecode.copydecode");
  assert.ok(found);
  return found;
}

async function ready(api: Api): Promise<void> {
  await until(
    () => `ready, not ${api.state()}`,
    () => api.state() === "ready",
    READY_MS,
  );
}

/** Opens a file of the folder, with this text. */
async function shown(name: string, text: string): Promise<vscode.TextDocument> {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder);
  const uri = vscode.Uri.joinPath(folder.uri, name);
  const document = await vscode.workspace.openTextDocument(uri);
  const editor = await vscode.window.showTextDocument(document, { preview: false });
  editor.selection = new vscode.Selection(0, 0, 0, 0);
  if (document.getText() !== text) {
    await replaced(document, text);
  }
  return document;
}

/** Sets a document's whole text. */
async function replaced(document: vscode.TextDocument, text: string): Promise<void> {
  const whole = new vscode.WorkspaceEdit();
  const end = document.lineAt(document.lineCount - 1).range.end;
  whole.replace(document.uri, new vscode.Range(at(0, 0), end), text);
  assert.ok(await vscode.workspace.applyEdit(whole));
  assert.equal(document.getText(), text);
}

/** Waits until pyflakes has found as many errors; what goes unused by them is not counted. */
async function found(document: vscode.TextDocument, errors: number): Promise<void> {
  await until(`${errors} undefined names`, () => {
    const messages = vscode.languages.getDiagnostics(document.uri).map(({ message }) => message);
    return messages.filter((message) => message.startsWith("undefined")).length === errors;
  });
}

/** Returns our actions at a range, with their edits. */
async function actions(
  { uri }: vscode.TextDocument,
  range: vscode.Range,
): Promise<vscode.CodeAction[]> {
  const offered = await vscode.commands.executeCommand<vscode.CodeAction[]>(
    "vscode.executeCodeActionProvider",
    ...[uri, range, undefined, 8],
  );
  return offered.filter(({ title }) => title.startsWith("Apply AI edit"));
}

function edit(instruction: string): Thenable<unknown> {
  return vscode.commands.executeCommand("copydecode.edit", { instruction });
}

function at(line: number, character: number): vscode.Position {
  return new vscode.Position(line, character);
}
