/** The server's settings, as `workspace/configuration` is answered with them. */

import * as vscode from "vscode";
import type { ConfigurationMiddleware } from "vscode-languageclient/node";

const SECTION = "copydecode";

/** Settings that are the extension's own: the server does not know them. */
export const OWN: ReadonlySet<string> = new Set([
  "python",
  "packageSource",
  "preview",
  "highlightChanges",
  "trace",
]);

/** The settings of which another value needs another process. */
export const STARTED_WITH = ["copydecode.python"];

/** Answers for our section with what the user has set, all else as the library does. */
export const configuration: NonNullable<ConfigurationMiddleware["configuration"]> = async (
  params,
  token,
  next,
) => {
  const answers = (await next(params, token)) as unknown[];
  return params.items.map(({ section, scopeUri }, k) => {
    if (section !== SECTION) {
      return answers[k];
    }
    const scope = scopeUri === undefined ? undefined : vscode.Uri.parse(scopeUri);
    return whatIsSet(vscode.workspace.getConfiguration(SECTION, scope));
  }) as never;
};

/** Returns the server's settings that somebody has set: defaults are the server's to know. */
function whatIsSet(settings: vscode.WorkspaceConfiguration): Record<string, unknown> {
  const set: Record<string, unknown> = {};
  for (const name of Object.keys(settings)) {
    const found = settings.inspect(name);
    const values = [found?.globalValue, found?.workspaceValue, found?.workspaceFolderValue];
    if (!OWN.has(name) && found && values.some((value) => value !== undefined)) {
      set[name] = settings.get(name);
    }
  }
  return set;
}
