/**
 * Shows an edit in the diff editor and asks what is to become of it. Knows nothing of the server.
 */

import { posix } from "node:path";
import * as vscode from "vscode";

/** The scheme of the right side: what the document would be. */
const SCHEME = "copydecode-preview";

/** To apply an edit, to choose among its changes, or to leave it. */
export type Decision = "apply" | "choose" | "discard";

interface Asked {
  text: string;
  decide: (decision: Decision) => void;
}

export class DiffPreview implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly asked = new Map<string, Asked>();
  private readonly subscriptions: vscode.Disposable[];
  private count = 0;

  constructor() {
    const decide = (decision: Decision) => () => this.decide(decision);
    this.subscriptions = [
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.commands.registerCommand("copydecode.applyPreview", decide("apply")),
      vscode.commands.registerCommand("copydecode.choosePreviewHunks", decide("choose")),
      vscode.commands.registerCommand("copydecode.discardPreview", decide("discard")),
      vscode.window.tabGroups.onDidChangeTabs(({ closed }) => {
        for (const tab of closed) {
          this.asked.get(previewOf(tab) ?? "")?.decide("discard");
        }
      }),
    ];
  }

  /** Shows the edits of a document beside it; returns when the user has decided, or closed the diff. */
  async ask(
    document: vscode.TextDocument,
    edits: readonly vscode.TextEdit[],
    title: string,
    token?: vscode.CancellationToken,
  ): Promise<Decision> {
    this.count += 1;
    const uri = document.uri.with({ scheme: SCHEME, query: String(this.count) });
    const key = uri.toString();
    const decision = new Promise<Decision>((decide) =>
      this.asked.set(key, { text: edited(document, edits), decide }),
    );
    const cancelled = token?.onCancellationRequested(() => this.asked.get(key)?.decide("discard"));
    try {
      const name = `${posix.basename(document.uri.path)} (AI edit: ${title})`;
      await vscode.commands.executeCommand("vscode.diff", document.uri, uri, name, {
        preview: false, // One would take the place of the editor that the user works in.
      });
      return await decision;
    } finally {
      cancelled?.dispose();
      this.asked.delete(key);
      await close(key);
    }
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.asked.get(uri.toString())?.text ?? "";
  }

  dispose(): void {
    this.asked.forEach(({ decide }) => decide("discard"));
    this.subscriptions.forEach((subscription) => void subscription.dispose());
  }

  private decide(decision: Decision): void {
    const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
    this.asked.get((tab && previewOf(tab)) ?? "")?.decide(decision);
  }
}

/** Returns the address of the right side of a tab that shows a preview. */
function previewOf({ input }: vscode.Tab): string | undefined {
  return input instanceof vscode.TabInputTextDiff && input.modified.scheme === SCHEME
    ? input.modified.toString()
    : undefined;
}

async function close(preview: string): Promise<void> {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  await vscode.window.tabGroups.close(tabs.filter((tab) => previewOf(tab) === preview));
}

/** Returns the text of a document with edits that do not overlap. */
function edited(document: vscode.TextDocument, edits: readonly vscode.TextEdit[]): string {
  const fromTheEnd = [...edits].sort((a, b) => b.range.start.compareTo(a.range.start));
  return fromTheEnd.reduce((text, { range, newText }) => {
    const [start, end] = [document.offsetAt(range.start), document.offsetAt(range.end)];
    return text.slice(0, start) + newText + text.slice(end);
  }, document.getText());
}
