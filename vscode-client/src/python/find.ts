/** Finds the Python that the server is to run in, by the settings and what is installed. */

import { join } from "node:path";
import * as vscode from "vscode";
import { candidates, type Candidate } from "./candidates";
import { ask, isNewEnough, type Found } from "./probe";

/** What was found, or why each candidate would not do. */
export type Search =
  { found: Found; from: string; refused?: never } | { found?: never; refused: string[] };

/** The folder of the environment that `setUp` makes. */
export function environmentFolder(context: vscode.ExtensionContext): string {
  return join(context.globalStorageUri.fsPath, "environment");
}

/** Returns the first Python that has copydecode. */
export async function findServer(context: vscode.ExtensionContext): Promise<Search> {
  const refused: string[] = [];
  for (const { python, by, from } of await places(context)) {
    try {
      const found = await ask(python, by);
      if (!isNewEnough(found)) {
        refused.push(`${python} (${from}) is Python ${found.version.join(".")}, older than 3.11`);
      } else if (found.copydecode === null) {
        refused.push(`${python} (${from}) does not have copydecode`);
      } else {
        return { found, from };
      }
    } catch (error) {
      refused.push(`${python} (${from}) cannot be used: ${String(error)}`);
    }
  }
  return { refused };
}

/** Returns a Python that an environment can be made with; the newest of those that there are. */
export async function findBase(context: vscode.ExtensionContext): Promise<Found | undefined> {
  const found: Found[] = [];
  for (const { python, by } of await places(context, { withOwn: false })) {
    try {
      found.push(await ask(python, by));
    } catch {
      // One that does not run is none; the others are asked.
    }
  }
  return found
    .filter(isNewEnough)
    .sort((a, b) => b.version[1] - a.version[1])
    .at(0);
}

/**
 * Calls `act` whenever another interpreter was selected in the Python extension, from now on; returns
 * undefined where that makes no difference or cannot be heard.
 */
export async function onDidSelect(act: () => void): Promise<vscode.Disposable | undefined> {
  return named() ? undefined : (await environments())?.onDidChangeActiveEnvironmentPath?.(act);
}

async function places(
  context: vscode.ExtensionContext,
  { withOwn }: { withOwn: boolean } = { withOwn: true },
): Promise<Candidate[]> {
  const setting = withOwn ? named() : ""; // One that does not work is no reason to make nothing.
  return candidates(
    {
      setting,
      selected: setting ? "" : await selected(),
      path: process.env.PATH ?? "",
      environment: withOwn ? environmentFolder(context) : "",
    },
    process.platform,
  );
}

/** Returns the Python that the setting names; "" where it does not. */
function named(): string {
  return vscode.workspace.getConfiguration("copydecode").get<string>("python", "");
}

/** The part of the Python extension's API that is used here. */
interface PythonApi {
  environments?: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { path: string };
    resolveEnvironment(path: {
      path: string;
    }): Promise<{ executable: { uri?: vscode.Uri } } | undefined>;
    onDidChangeActiveEnvironmentPath?: vscode.Event<unknown>;
  };
}

/** Returns the interpreter that the Python extension has selected; "" where that is not there. */
async function selected(): Promise<string> {
  try {
    const found = await environments();
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
    const path = found?.getActiveEnvironmentPath(folder);
    const resolved = path && (await found?.resolveEnvironment(path));
    return resolved?.executable.uri?.fsPath ?? "";
  } catch {
    return ""; // Another extension's failure is not ours to tell.
  }
}

/** Returns what the Python extension knows; undefined where it is not there or does not start. */
async function environments(): Promise<PythonApi["environments"]> {
  try {
    const extension = vscode.extensions.getExtension<PythonApi>("ms-python.python");
    return (await extension?.activate())?.environments;
  } catch {
    return undefined;
  }
}
