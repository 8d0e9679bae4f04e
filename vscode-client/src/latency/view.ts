/** The latency view: a page in the panel that is told of the last receipts. */

import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { Timed } from "../receipt";
import { page, type FromPage, type ToPage } from "./page";

/** Where receipts come from. */
export interface Source {
  readonly newestFirst: readonly Timed[];
  readonly onDidChange: vscode.Event<void>;
}

export class LatencyView implements vscode.WebviewViewProvider {
  constructor(
    private readonly extension: vscode.Uri,
    private readonly receipts: Source,
  ) {}

  resolveWebviewView(view: vscode.WebviewView): void {
    const { webview } = view;
    const dist = vscode.Uri.joinPath(this.extension, "dist");
    const address = (name: string): string =>
      webview.asWebviewUri(vscode.Uri.joinPath(dist, name)).toString();
    const tell = (): void => {
      const told: ToPage = { type: "receipts", receipts: this.receipts.newestFirst };
      void webview.postMessage(told); // False where the page is hidden: it asks when it is back.
    };
    const listeners = vscode.Disposable.from(
      webview.onDidReceiveMessage(({ type }: FromPage) => {
        if (type === "ready") {
          tell();
        } else {
          void vscode.commands.executeCommand("copydecode.edit");
        }
      }),
      this.receipts.onDidChange(tell),
    );
    view.onDidDispose(() => void listeners.dispose());
    webview.options = { enableScripts: true, localResourceRoots: [dist] };
    webview.html = page({
      script: address("latency.js"),
      style: address("latency.css"),
      cspSource: webview.cspSource,
      nonce: randomBytes(16).toString("hex"),
    });
  }
}
