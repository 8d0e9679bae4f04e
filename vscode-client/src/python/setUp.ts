/** Makes an environment of our own with copydecode in it, after it has said what that means. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { join } from "node:path";
import * as vscode from "vscode";
import { pythonOf } from "./candidates";
import { environmentFolder, findBase } from "./find";

/**
 * Asks, then makes the environment with progress; what the programs say goes to the log.
 * Nothing half made is left, and one that was there before stays until the new one is whole;
 * `release` is awaited before it goes: the server may run from it.
 * Returns whether it was released: then the server is to be started anew.
 */
export async function setUp(
  context: vscode.ExtensionContext,
  log: vscode.LogOutputChannel,
  release: () => Promise<void>,
): Promise<boolean> {
  const base = await findBase(context);
  if (!base) {
    void vscode.window.showErrorMessage(
      "copydecode needs Python 3.11 or newer, and none was found on the PATH. Install one, or " +
        "name one that has copydecode in the setting copydecode.python.",
    );
    return false;
  }
  const source = await chooseSource();
  if (!source) {
    return false;
  }
  const folder = environmentFolder(context);
  const settings = vscode.workspace.getConfiguration("copydecode");
  const named = settings.get<string>("python", "");
  const agreed = await vscode.window.showInformationMessage(
    "Make a Python environment for copydecode?",
    {
      modal: true,
      detail:
        `With ${base.python} (Python ${base.version.join(".")}), in ${folder}.\n\n` +
        `pip installs ${source} and what it needs (PyTorch, transformers, XGrammar) from your ` +
        "package index: some gigabytes, a few minutes. " +
        (named ? `The setting copydecode.python (${named}) is cleared. ` : "") +
        "Nothing else on this machine is changed.",
    },
    "Install",
  );
  if (agreed !== "Install") {
    return false;
  }
  const made = `${folder}-new`;
  let released = false;
  try {
    await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: "Setting up copydecode",
        cancellable: true,
      },
      async (progress, token) => {
        const run = async (message: string, command: string, args: string[]): Promise<void> => {
          progress.report({ message });
          log.info(`${command} ${args.join(" ")}`);
          await follow(command, args, token, (line) => {
            log.info(line);
            progress.report({ message: line.trim().slice(0, 80) });
          });
        };
        await remove(made);
        await run("making the environment", base.python, ["-I", "-m", "venv", made]);
        const python = pythonOf(made, process.platform);
        const pinned = join(context.extensionPath, "dist", "constraints.txt");
        await run("installing", python, ["-I", "-m", "pip", ...pipArguments(source, pinned)]);
      },
    );
    released = true;
    await release();
    await remove(folder);
    await rename(made, folder); // Its Python finds itself wherever it lies.
    if (named) {
      await settings.update("python", undefined, vscode.ConfigurationTarget.Global);
    }
  } catch (error) {
    await remove(made);
    if (!(error instanceof vscode.CancellationError)) {
      void tellFailure(error, log);
    }
  }
  return released;
}

async function tellFailure(error: unknown, log: vscode.LogOutputChannel): Promise<void> {
  const why = error instanceof Error ? error.message : String(error);
  const message = `copydecode could not be installed: ${why}`;
  if (await vscode.window.showErrorMessage(message, "Show Log")) {
    log.show();
  }
}

async function remove(folder: string): Promise<void> {
  // On Windows what has just ended keeps its files for a moment.
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

/**
 * Returns the arguments of pip that install a wheel or a source folder, with the versions that were
 * tested: those of the folder, else the `pinned` ones that came with the extension.
 */
function pipArguments(source: string, pinned: string): string[] {
  const own = join(source, "constraints.txt");
  return [
    "install",
    "--disable-pip-version-check",
    "--no-input",
    "-c",
    existsSync(own) ? own : pinned,
    source,
    "pyflakes",
  ];
}

/** Returns the wheel or folder to install, from the setting or by asking; undefined for none. */
async function chooseSource(): Promise<string | undefined> {
  const setting = vscode.workspace.getConfiguration("copydecode").get<string>("packageSource", "");
  if (setting) {
    try {
      await stat(setting);
      return setting;
    } catch {
      void vscode.window.showErrorMessage(
        `The setting copydecode.packageSource names ${setting}, which is not there: expected a ` +
          "wheel or a folder with copydecode's source.",
      );
      return undefined;
    }
  }
  // Two questions: most systems have no dialog that takes files and folders.
  const kind = await vscode.window.showQuickPick(
    [
      { label: "$(package) Wheel…", description: "copydecode-….whl", isFolder: false },
      {
        label: "$(folder) Source Folder…",
        description: "with copydecode's pyproject.toml",
        isFolder: true,
      },
    ],
    { title: "Set up copydecode", placeHolder: "What is copydecode to be installed from?" },
  );
  const chosen =
    kind &&
    (await vscode.window.showOpenDialog({
      title: kind.isFolder ? "The folder with copydecode's source" : "copydecode's wheel",
      openLabel: "Install from Here",
      canSelectFiles: !kind.isFolder,
      canSelectFolders: kind.isFolder,
      ...(!kind.isFolder && { filters: { Wheels: ["whl"] } }),
    }));
  return chosen?.[0]?.fsPath;
}

/**
 * Runs a command to its end and hands over what it prints, line by line.
 * @throws CancellationError where the token is cancelled; Error with its last line where it fails.
 */
function follow(
  command: string,
  args: string[],
  token: vscode.CancellationToken,
  onLine: (line: string) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { windowsHide: true, stdio: ["ignore", "pipe", "pipe"] });
    let last = "";
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        last = line.trim() || last;
        onLine(line);
      });
    }
    const cancelled = token.onCancellationRequested(() => child.kill());
    child.on("error", reject);
    child.on("close", (code) => {
      cancelled.dispose();
      if (token.isCancellationRequested) {
        reject(new vscode.CancellationError());
      } else if (code === 0) {
        resolve();
      } else {
        reject(new Error(last || `${command} ended with ${String(code)}`));
      }
    });
  });
}
