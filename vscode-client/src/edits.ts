/**
 * Edits from the request to the text: code actions, commands, what is asked before, receipts.
 */

import { randomUUID } from "node:crypto";
import { posix } from "node:path";
import * as vscode from "vscode";
import type {
  ApplyWorkspaceEditParams,
  ApplyWorkspaceEditResult,
  CodeAction,
  LanguageClient,
  Middleware,
  WorkspaceEdit,
} from "vscode-languageclient/node";
import type { Highlights } from "./highlights";
import type { Decision, DiffPreview } from "./preview";
import { isReceipt, isSame } from "./receipt";
import type { ReceiptStore } from "./receipts";
import { configuration } from "./settings";
import type { HunkTold, WorkCounter } from "./work";

const APPLY_EDIT = "copydecode.applyEdit";
const RECEIPT = "copydecode/receipt";
const FIX_ALL = "source.fixAll.copydecode";

/** Applies an action that was listed, where its edit is shown in the diff editor first. */
export const APPLY_ACTION = "copydecode.applyAction";

/** Why an edit was not applied that the user did not want. */
const DISCARDED = "discarded by the user";

/** An edit that takes longer is shown with a button to cancel it. */
const SHOWN_AFTER_MS = 1000;

/** An edit is computed anew so often where the document changes all the time. */
const ATTEMPTS = 3;

/** What is to be done; the instruction or the snippet may be missing, not both. */
export interface Wish {
  instruction?: string;
  snippet?: string;
}

/** Returns whether a command was given a wish; menus give it the document's address. */
export function isWish(given: unknown): given is Wish {
  const { instruction, snippet } = (given ?? {}) as Wish;
  return typeof instruction === "string" || typeof snippet === "string";
}

/** What `copydecode.applyEdit` answers, together with its receipt. */
interface Answer {
  applied: boolean;
  discarded?: boolean;
  cancelled?: boolean;
  failureReason?: string;
  hunks?: number;
}

interface Asking {
  token?: vscode.CancellationToken | undefined;
  /** What the edit's receipt is known by; without it the newest is meant. */
  id?: string | undefined;
  /** The token of its progress, where it is ours. */
  progress?: string;
}

/** An edit that was asked for and has not ended. */
interface Running {
  source: vscode.CancellationTokenSource;
  document: vscode.TextDocument | undefined;
  /** Is to be called when its edit is there: then it is the user's turn. */
  told: () => void;
  /** The token of its progress: ours of a command, the server's of an action; undefined before. */
  progress: string | number | undefined;
  /** What the server told last of how far it is. */
  message?: string;
  /** What shows that it takes long. */
  shown?: vscode.Progress<{ message?: string }>;
}

/** An error as the server answers it; what has not come from there has less. */
interface Failure {
  code?: number;
  message?: string;
  data?: { kind?: string };
}

/** The kind of an error that says that a newer request was for the same lines. */
const REPLACED = "ReplacedError";

/** LSP's codes of errors that say that nothing is wrong. */
const CANCELLED = new Set([-32800, -32802]);

export class Edits {
  private readonly running = new Set<Running>();
  /** The tokens of the server's progress of edits; undefined where it is not known of which. */
  private readonly progressing = new Map<string | number, Running | undefined>();

  /**
   * @param client returns the client once the server can be asked; it throws where it cannot.
   * @param tell tells the user an error that `client` threw.
   */
  constructor(
    private readonly client: () => Promise<LanguageClient>,
    private readonly receipts: ReceiptStore,
    private readonly work: WorkCounter,
    private readonly highlights: Highlights,
    private readonly preview: DiffPreview,
    private readonly tell: (error: unknown) => void,
  ) {}

  /** What the client of the server is to do in our way. */
  readonly middleware: Middleware = {
    provideCodeActions: async (document, range, context, token, next) => {
      const actions = await next(document, range, context, token);
      return showsDiff() ? actions?.map((action) => this.throughDiff(action)) : actions;
    },
    resolveCodeAction: async (item, token) => {
      if (item.command?.command === APPLY_ACTION) {
        return item; // It is resolved when it is chosen.
      }
      try {
        return await this.resolved(item, token);
      } catch (error) {
        this.tell(error); // VS Code would say nothing.
        return item;
      }
    },
    handleWorkDoneProgress: (token, params, next) => {
      // The library would show an edit's where it cannot be cancelled, beside the status bar item.
      // What cannot be cancelled, as loading another model, is its to show.
      if (params.kind === "begin" && params.cancellable === true) {
        this.progressing.set(token, this.progressOf(token));
      }
      const edit = this.progressing.get(token);
      if (params.kind === "end" || !this.progressing.has(token)) {
        this.progressing.delete(token);
        next(token, params);
      } else if (edit && params.message !== undefined) {
        edit.message = params.message;
        edit.shown?.report({ message: params.message });
      }
    },
    workspace: {
      configuration,
      handleApplyEdit: (params, next) => {
        const edited = documentsOf(params.edit);
        this.running.forEach(({ document, told }) => {
          if (document && edited.has(document.uri.toString())) {
            told();
          }
        });
        return this.carryOut(params, async (asked) => next(asked, NEVER.token));
      },
    },
  };

  /** Listens to what a client's server tells. */
  connect(client: LanguageClient): void {
    client.onNotification("copydecode/hunk", (hunk: HunkTold) => this.work.tell(hunk));
  }

  /** Asks for an edit at the selection, or around the cursor's line, and has it applied. */
  async apply(editor: vscode.TextEditor, wish: Wish): Promise<void> {
    const { document, selection } = editor; // As it is now, not as it is once the server has started.
    const client = await this.client();
    const argument = {
      uri: client.code2ProtocolConverter.asUri(document.uri),
      ...(wish.snippet !== undefined && selection.isEmpty
        ? {} // Where it belongs is for the snippet to say.
        : { range: lines(selection), locked: !selection.isEmpty }),
      retry: true,
      ...wish,
    };
    const { WorkDoneProgress } = await import("vscode-languageclient/node");
    const progress = randomUUID();
    const params = { command: APPLY_EDIT, arguments: [argument], workDoneToken: progress };
    const listener = client.onProgress(WorkDoneProgress.type, progress, () => undefined); // `middleware` hears it.
    try {
      const answer = await this.ask(
        document,
        (token) => client.sendRequest<Answer | null>("workspace/executeCommand", params, token),
        { progress },
      );
      if (answer) {
        tellOutcome(answer);
      }
    } finally {
      listener.dispose();
    }
  }

  /** Fixes all that was found in a document, by one edit. */
  async fixAll(document: vscode.TextDocument): Promise<void> {
    const client = await this.client();
    const convert = client.code2ProtocolConverter;
    const found = vscode.languages.getDiagnostics(document.uri);
    const end = document.lineAt(document.lineCount - 1).range.end;
    const actions = await client.sendRequest<CodeAction[] | null>("textDocument/codeAction", {
      textDocument: convert.asTextDocumentIdentifier(document),
      range: convert.asRange(new vscode.Range(0, 0, end.line, end.character)),
      context: {
        diagnostics: await convert.asDiagnostics(found),
        only: [FIX_ALL],
        triggerKind: 1,
      },
    });
    const [action] = actions ?? [];
    if (!action) {
      void vscode.window.showInformationMessage(
        found.length === 0
          ? "copydecode: nothing was found in this file that could be fixed."
          : "copydecode: nothing of what was found in this file is offered to be fixed.",
      );
      return;
    }
    await this.applyAction(action);
  }

  /** Resolves an action of the server, asks where that is needed, and applies its edit. */
  async applyAction(action: CodeAction): Promise<void> {
    const client = await this.client();
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const resolved = await this.resolve(action);
      if (!resolved?.edit) {
        return;
      }
      const result = await this.carryOut({ label: action.title, edit: resolved.edit }, (params) =>
        applied(client, params),
      );
      if (result.applied || result.failureReason !== undefined) {
        return;
      }
    }
    void vscode.window.showWarningMessage(
      "copydecode: the document changed while the edit was shown; nothing was applied.",
    );
  }

  /** Ends what is computed now; nothing of it is applied. */
  cancel(): void {
    this.running.forEach(({ source }) => source.cancel());
  }

  /** Returns an action of the editor's with its edit, or as it is where there is none. */
  private async resolved(
    item: vscode.CodeAction,
    token: vscode.CancellationToken,
  ): Promise<vscode.CodeAction> {
    const client = await this.client();
    const action = await this.resolve(client.code2ProtocolConverter.asCodeActionSync(item), token);
    if (!action) {
      return item;
    }
    const resolved = await client.protocol2CodeConverter.asCodeAction(action, token);
    if (resolved.edit) {
      this.highlights.expect(resolved.edit);
    }
    return resolved;
  }

  /** Returns an action with its edit, or nothing where there is none: the user was told why. */
  private async resolve(
    action: CodeAction,
    token?: vscode.CancellationToken,
  ): Promise<CodeAction | undefined> {
    const client = await this.client();
    const data = action.data as { id?: string; uri?: string } | undefined;
    const uri = data?.uri ? client.protocol2CodeConverter.asUri(data.uri) : undefined;
    const document = vscode.workspace.textDocuments.find(
      (one) => one.uri.toString() === uri?.toString(),
    );
    for (let attempt = 1; ; attempt += 1) {
      const resolved = await this.ask(
        document,
        (cancelled) => client.sendRequest<CodeAction>("codeAction/resolve", action, cancelled),
        { token, id: data?.id },
      );
      // What was typed while the answer came would be overwritten: the server rebases the edit.
      if (!resolved?.edit || attempt === ATTEMPTS || isCurrent(client, resolved.edit)) {
        return resolved;
      }
    }
  }

  /** Sends a request that computes an edit; keeps its receipt; tells its failure, and returns nothing. */
  private async ask<T>(
    document: vscode.TextDocument | undefined,
    request: (token: vscode.CancellationToken) => Promise<T>,
    { token, id, progress }: Asking = {},
  ): Promise<T | undefined> {
    const source = new vscode.CancellationTokenSource();
    const outer = token?.onCancellationRequested(() => source.cancel());
    const started = performance.now();
    let ms = 0;
    let told = (): void => undefined;
    const computed = new Promise<void>((resolve) => {
      told = () => {
        ms ||= performance.now() - started;
        clearTimeout(later);
        resolve();
      };
    });
    const edit: Running = { source, document, told, progress };
    const later = setTimeout(() => void showProgress(edit, computed), SHOWN_AFTER_MS);
    this.running.add(edit);
    void this.work.during(() => computed);
    let answer: T | undefined;
    try {
      answer = await request(source.token);
      return answer;
    } catch (error) {
      if (id === undefined && (error as Failure).data?.kind === REPLACED) {
        // An action that is resolved again is replaced by itself; a command was somebody's wish.
        void vscode.window.showInformationMessage(
          "copydecode: another edit that could change the same lines took the place of this one.",
        );
      } else {
        tellFailure(error, source.token);
      }
      return undefined;
    } finally {
      told();
      outer?.dispose();
      this.running.delete(edit);
      source.dispose();
      const kept = this.keepReceipt(document, ms, id, answer);
      if (id === undefined) {
        await kept; // The edit is in the document already.
      }
    }
  }

  /** Returns the edit that the server's progress is of; undefined where it could be another's. */
  private progressOf(token: string | number): Running | undefined {
    const edits = [...this.running];
    const [action, ...others] = edits.filter(({ progress }) => progress === undefined);
    const own = edits.find(({ progress }) => progress === token);
    const edit = own ?? (others.length === 0 ? action : undefined);
    if (edit) {
      edit.progress = token;
    }
    return edit;
  }

  private async keepReceipt(
    document: vscode.TextDocument | undefined,
    roundTripMs: number,
    id: string | undefined,
    answer: unknown,
  ): Promise<void> {
    try {
      const receipt = isReceipt(answer) ? answer : await this.askForReceipt(id);
      const [newest] = this.receipts.newestFirst;
      if (isReceipt(receipt) && !(newest && isSame(newest.receipt, receipt))) {
        const file = posix.basename(document?.uri.path ?? receipt.uri);
        this.receipts.add({ receipt, at: Date.now(), roundTripMs, file });
      }
    } catch {
      // The server has gone: so have its receipts.
    }
  }

  /** Asks for an edit's receipt: an action's by its id, that of a command that failed as the newest. */
  private async askForReceipt(id: string | undefined): Promise<unknown> {
    const client = await this.client();
    return client.sendRequest(RECEIPT, id === undefined ? {} : { id });
  }

  /** Asks in the diff editor where an edit needs it and the user wants it there, then applies it. */
  private async carryOut<T>(
    params: ApplyWorkspaceEditParams,
    apply: (params: ApplyWorkspaceEditParams) => Promise<T>,
  ): Promise<T | ApplyWorkspaceEditResult> {
    const client = await this.client();
    const decision = await this.decide(client, params);
    if (decision === "discard") {
      return { applied: false, failureReason: DISCARDED };
    }
    const edit = decision === "apply" ? withoutQuestions(params.edit) : params.edit;
    const converted = await client.protocol2CodeConverter.asWorkspaceEdit(edit);
    this.highlights.expect(converted);
    return apply({ ...params, edit });
  }

  /** Returns what the user decided; "choose" hands an edit to the editor, which asks as it does. */
  private async decide(
    client: LanguageClient,
    { edit, label }: ApplyWorkspaceEditParams,
  ): Promise<Decision> {
    if (!showsDiff() || !asks(edit)) {
      return "choose";
    }
    const converted = await client.protocol2CodeConverter.asWorkspaceEdit(edit);
    const entries = converted.entries();
    const [entry] = entries;
    if (!entry || entries.length > 1) {
      return "choose"; // The diff editor shows one file; the refactor preview shows them all.
    }
    const [uri, edits] = entry;
    const document = await vscode.workspace.openTextDocument(uri);
    return this.preview.ask(document, edits, titleOf(label ?? "AI edit"));
  }

  /** Returns an action of ours that asks in the diff editor when it is chosen. */
  private throughDiff(
    action: vscode.Command | vscode.CodeAction,
  ): vscode.Command | vscode.CodeAction {
    const { data } = action as { data?: unknown };
    if (!(action instanceof vscode.CodeAction) || action.command || data === undefined) {
      return action;
    }
    const through = new vscode.CodeAction(action.title, action.kind);
    Object.assign(through, action);
    const raw: CodeAction = {
      title: action.title,
      ...(action.kind && { kind: action.kind.value }),
      data: data as never,
    };
    through.command = { title: action.title, command: APPLY_ACTION, arguments: [raw] };
    return through;
  }
}

/** Shows that an edit takes long, with a button to cancel it. */
async function showProgress(edit: Running, computed: Promise<void>): Promise<void> {
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: "AI edit", cancellable: true },
    async (progress, token) => {
      token.onCancellationRequested(() => edit.source.cancel());
      edit.shown = progress;
      if (edit.message !== undefined) {
        progress.report({ message: edit.message });
      }
      await computed;
    },
  );
}

/** Returns an edit's label without what the server begins it with. */
function titleOf(label: string): string {
  return label.replace(/^(Apply )?AI edit: /, "");
}

const NEVER = new vscode.CancellationTokenSource();

function showsDiff(): boolean {
  return vscode.workspace.getConfiguration("copydecode").get("preview") === "diff";
}

/** Returns the lines of a selection; one that ends where a line begins does not have that line. */
function lines({ start, end, isEmpty }: vscode.Selection): object {
  const last = !isEmpty && end.character === 0 && end.line > start.line ? end.line : end.line + 1;
  return { start: { line: start.line, character: 0 }, end: { line: last, character: 0 } };
}

function asks(edit: WorkspaceEdit): boolean {
  return Object.values(edit.changeAnnotations ?? {}).some((one) => one.needsConfirmation);
}

/** Returns an edit about which the user has been asked. */
function withoutQuestions(edit: WorkspaceEdit): WorkspaceEdit {
  const annotations = Object.entries(edit.changeAnnotations ?? {}).map(
    ([id, annotation]) => [id, { ...annotation, needsConfirmation: false }] as const,
  );
  return { ...edit, changeAnnotations: Object.fromEntries(annotations) };
}

/** Returns the addresses of the documents that an edit changes, as the server writes them. */
function documentsOf({ changes, documentChanges }: WorkspaceEdit): Set<string> {
  const versioned = (documentChanges ?? []).flatMap((change) =>
    "textDocument" in change ? [change.textDocument.uri] : [],
  );
  return new Set([...versioned, ...Object.keys(changes ?? {})]);
}

/** Returns whether an edit is for the versions that the documents have now. */
function isCurrent(client: LanguageClient, { documentChanges }: WorkspaceEdit): boolean {
  return (documentChanges ?? []).every((change) => {
    if (!("textDocument" in change) || change.textDocument.version === null) {
      return true;
    }
    const uri = client.protocol2CodeConverter.asUri(change.textDocument.uri).toString();
    const open = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri);
    return open === undefined || open.version === change.textDocument.version;
  });
}

/** Applies an edit to the versions that it is for, or not at all. */
async function applied(
  client: LanguageClient,
  { edit }: ApplyWorkspaceEditParams,
): Promise<ApplyWorkspaceEditResult> {
  const converted = await client.protocol2CodeConverter.asWorkspaceEdit(edit);
  // From here to the call nothing is waited for: no version can change in between.
  if (!isCurrent(client, edit)) {
    return { applied: false };
  }
  const done = await vscode.workspace.applyEdit(converted);
  return done ? { applied: true } : { applied: false, failureReason: "not applied" };
}

/** Tells why nothing was applied, unless the user wanted it so. */
function tellOutcome({ applied, discarded, cancelled, failureReason, hunks }: Answer): void {
  if (applied || discarded === true || cancelled === true || failureReason === DISCARDED) {
    return;
  }
  const refused = failureReason ?? (hunks ? "the editor refused the edit" : undefined);
  void vscode.window.showInformationMessage(
    `copydecode: ${refused ?? "the model proposes no change"}.`,
  );
}

/** Tells why there is no edit, unless that was asked for. */
function tellFailure(error: unknown, token: vscode.CancellationToken): void {
  const { code, message } = error as Failure;
  const wanted = token.isCancellationRequested || error instanceof vscode.CancellationError;
  if (!wanted && !(code !== undefined && CANCELLED.has(code))) {
    void vscode.window.showErrorMessage(`copydecode: ${message ?? String(error)}`);
  }
}
