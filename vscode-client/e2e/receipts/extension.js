// For measurements: writes what the extension's API tells into receipt.json in the open folder.

const { renameSync, writeFileSync } = require("node:fs");
const vscode = require("vscode");

exports.activate = function activate({ subscriptions }) {
  subscriptions.push(
    vscode.commands.registerCommand("receipts.write", async () => {
      const api = await vscode.extensions.getExtension("copydecode.copydecode").activate();
      const path = vscode.Uri.joinPath(
        vscode.workspace.workspaceFolders[0].uri,
        "receipt.json",
      ).fsPath;
      const { activationMs } = api;
      writeFileSync(`${path}.part`, JSON.stringify({ ...api.lastReceipt(), activationMs }));
      renameSync(`${path}.part`, path);
    }),
  );
};
