/** The receipts of the last edits, newest first. Knows nothing of how they are shown. */

import * as vscode from "vscode";
import type { Timed } from "./receipt";

const KEPT = 100;

export class ReceiptStore implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly kept: Timed[] = [];

  /** Fires when a receipt was added. */
  readonly onDidChange = this.changed.event;

  add(timed: Timed): void {
    this.kept.unshift(timed);
    this.kept.splice(KEPT);
    this.changed.fire();
  }

  get newestFirst(): readonly Timed[] {
    return this.kept;
  }

  dispose(): void {
    this.changed.dispose();
  }
}
