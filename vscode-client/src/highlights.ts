/** Marks for a moment what an edit has changed, and lets it fade. */

import * as vscode from "vscode";
import { landed, type Span } from "./changes";

/** How long it is marked, and how long it fades, in ms. */
const SHOWN_MS = 1200;
const FADING_MS = 800;

/** The text edits of one document that are about to be applied: where, and what. */
export interface Expected {
  uri: vscode.Uri;
  edits: readonly string[];
}

export class Highlights implements vscode.Disposable {
  private readonly strong = decoration("copydecode.changedBackground");
  private readonly faint = decoration("copydecode.changedFadingBackground");
  private readonly listener: vscode.Disposable;
  private expected: Expected[] = [];
  private readonly timers = new Map<vscode.TextEditor, NodeJS.Timeout>();

  constructor() {
    this.listener = vscode.workspace.onDidChangeTextDocument((event) => this.onChange(event));
  }

  /** Has the next change of a document with just these edits marked: whoever applies it. */
  expect(edit: vscode.WorkspaceEdit): void {
    if (!vscode.workspace.getConfiguration("copydecode").get<boolean>("highlightChanges", true)) {
      return;
    }
    const found = edit.entries().map(([uri, edits]) => ({ uri, edits: sorted(edits) }));
    this.expected = [...this.expected, ...found].slice(-16);
  }

  dispose(): void {
    this.listener.dispose();
    this.strong.dispose();
    this.faint.dispose();
    this.timers.forEach((timer) => clearTimeout(timer));
  }

  private onChange({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    if (contentChanges.length === 0 || this.expected.length === 0) {
      return;
    }
    const made = sorted(contentChanges.map(({ range, text }) => ({ range, newText: text })));
    const at = this.expected.findIndex(
      ({ uri, edits }) => uri.toString() === document.uri.toString() && same(edits, made),
    );
    if (at === -1) {
      return;
    }
    this.expected.splice(at, 1);
    const spans = landed(contentChanges.map(({ range, text }) => ({ ...spanOf(range), text })));
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document === document) {
        this.mark(editor, spans);
      }
    }
  }

  private mark(editor: vscode.TextEditor, spans: readonly Span[]): void {
    const ranges = spans.map(({ start, end }) => {
      const range = new vscode.Range(start.line, start.character, end.line, end.character);
      // Where something was only taken out there is no text of its own to mark, but its line.
      return range.isEmpty ? editor.document.lineAt(range.start).range : range;
    });
    clearTimeout(this.timers.get(editor));
    editor.setDecorations(this.faint, []);
    editor.setDecorations(this.strong, ranges);
    const fade = setTimeout(() => {
      editor.setDecorations(this.strong, []);
      editor.setDecorations(this.faint, ranges);
      const end = setTimeout(() => {
        editor.setDecorations(this.faint, []);
        this.timers.delete(editor);
      }, FADING_MS);
      this.timers.set(editor, end);
    }, SHOWN_MS);
    this.timers.set(editor, fade);
  }
}

function decoration(color: string): vscode.TextEditorDecorationType {
  return vscode.window.createTextEditorDecorationType({
    backgroundColor: new vscode.ThemeColor(color),
    overviewRulerColor: new vscode.ThemeColor(color),
    overviewRulerLane: vscode.OverviewRulerLane.Full,
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
}

function spanOf({ start, end }: vscode.Range): Span {
  return { start, end };
}

/** The editor may apply edits in any order, and with the document's line ends. */
function sorted(edits: readonly { range: vscode.Range; newText: string }[]): string[] {
  return edits
    .map(({ range: { start }, newText }) =>
      JSON.stringify([start.line, start.character, newText.replace(/\r\n?/g, "\n")]),
    )
    .sort();
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, k) => text === b[k]);
}
