/** The status bar item: the server's state, the edits under way, the last receipt. */

import * as vscode from "vscode";
import { inWords, type Timed } from "./receipt";
import { lookOf, type State, type Work } from "./state";

/** What the item shows; it asks anew whenever it is told to. */
export interface Shown {
  state(): State;
  work(): Work;
  reasons(): readonly string[];
  last(): Timed | undefined;
}

const TONES = {
  none: undefined,
  warning: new vscode.ThemeColor("statusBarItem.warningBackground"),
  error: new vscode.ThemeColor("statusBarItem.errorBackground"),
};

export class StatusBar implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;

  constructor(private readonly shown: Shown) {
    this.item = vscode.window.createStatusBarItem(
      "copydecode.status",
      vscode.StatusBarAlignment.Right,
      90,
    );
    this.item.name = "AI Edit (copydecode)";
    this.item.command = "copydecode.status";
    this.update();
    this.item.show();
  }

  update(): void {
    const { text, spoken, tone } = lookOf(this.shown.state(), this.shown.work());
    const last = this.shown.last();
    const said = last && inWords(last);
    this.item.text = text;
    this.item.backgroundColor = TONES[tone];
    this.item.accessibilityInformation = { label: said ? `${spoken}. Last edit: ${said}` : spoken };
    const tooltip = new vscode.MarkdownString();
    tooltip.appendText(spoken);
    for (const reason of this.shown.reasons()) {
      tooltip.appendMarkdown("\n\n").appendText(reason);
    }
    if (last && said) {
      tooltip.appendMarkdown("\n\nLast edit: ").appendText(`${last.file}, ${said}`);
    }
    this.item.tooltip = tooltip;
  }

  dispose(): void {
    this.item.dispose();
  }
}
