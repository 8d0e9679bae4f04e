/** The extension: commands first, so that none is ever missing; the server in the background. */

import * as vscode from "vscode";
import type { CodeAction, LanguageClient } from "vscode-languageclient/node";
import { APPLY_ACTION, Edits, isWish } from "./edits";
import { Highlights } from "./highlights";
import { InstructionBox, snippetFromClipboard } from "./instructionBox";
import { LatencyView } from "./latency/view";
import { DiffPreview } from "./preview";
import { inWords, type Timed } from "./receipt";
import { ReceiptStore } from "./receipts";
import { setUp } from "./python/setUp";
import { RemoteKey } from "./remoteKey";
import { Server } from "./server";
import { STARTED_WITH } from "./settings";
import { lookOf, type State } from "./state";
import { StatusBar } from "./statusBar";
import { WorkCounter } from "./work";

/** What other extensions, and the tests, may ask. */
export interface Api {
  state(): State;
  readonly onDidChangeState: vscode.Event<State>;
  lastReceipt(): Timed | undefined;
  serverPid(): number | undefined;
  /** How long `activate` took, in ms. */
  readonly activationMs: number;
}

const SET_UP = "Set Up…";
const RESTART = "Restart Server";
const SHOW_LOG = "Show Log";

let stop: (() => Promise<void>) | undefined;

export function activate(context: vscode.ExtensionContext): Api {
  const started = performance.now();
  const log = vscode.window.createOutputChannel("copydecode", { log: true });
  const key = new RemoteKey(context.secrets);
  const server = new Server(context, log, key);
  const receipts = new ReceiptStore();
  const highlights = new Highlights();
  const preview = new DiffPreview();
  let working = false;
  const work = new WorkCounter(() => {
    statusBar.update();
    if (working !== work.work.edits > 0) {
      working = !working;
      void vscode.commands.executeCommand("setContext", "copydecode.working", working);
    }
  });
  const statusBar = new StatusBar({
    state: () => server.state,
    work: () => work.work,
    reasons: () => server.reasons,
    last: () => receipts.newestFirst[0],
  });
  const edits = new Edits(
    () => running(server),
    receipts,
    work,
    highlights,
    preview,
    (error) => void tell(error),
  );
  server.wire({ middleware: edits.middleware, connect: (client) => edits.connect(client) });
  const box = new InstructionBox(context.workspaceState);
  stop = () => server.stop();

  const commands: Record<string, (...given: never[]) => unknown> = {
    "copydecode.edit": async (given?: unknown) => {
      const editor = activeEditor();
      const wanted = editor && (isWish(given) ? given : await box.ask());
      if (wanted) {
        await edits.apply(editor, {
          ...(wanted.instruction !== undefined && { instruction: wanted.instruction }),
          ...(wanted.snippet !== undefined && { snippet: wanted.snippet }),
        });
      }
    },
    "copydecode.editWithClipboard": async () => {
      const editor = activeEditor();
      const snippet = editor && (await snippetFromClipboard());
      if (editor && snippet !== undefined) {
        await edits.apply(editor, { snippet });
      }
    },
    "copydecode.fixAll": async () => {
      const editor = activeEditor();
      if (editor) {
        await edits.fixAll(editor.document);
      }
    },
    [APPLY_ACTION]: (action: CodeAction) => edits.applyAction(action),
    "copydecode.cancelEdit": () => edits.cancel(),
    "copydecode.status": () => showStatus(server, work, receipts),
    "copydecode.showLatency": () => vscode.commands.executeCommand("copydecode.latency.focus"),
    "copydecode.openExample": () => openExample(context.extensionUri),
    "copydecode.showLog": () => log.show(),
    "copydecode.restart": () => server.restart(),
    "copydecode.setUp": async () => {
      if (await setUp(context, log, () => server.stop())) {
        await server.restart();
      }
    },
    "copydecode.setRemoteKey": async () => {
      const value = await vscode.window.showInputBox({
        title: "Key of the remote model server",
        prompt: "It is kept in the editor's secret storage, and given to the server alone.",
        password: true,
        ignoreFocusOut: true,
      });
      if (value) {
        await key.set(value);
        await server.restart();
      }
    },
    "copydecode.clearRemoteKey": async () => {
      await key.clear();
      await server.restart();
    },
  };
  for (const [name, command] of Object.entries(commands)) {
    const guarded = async (...given: unknown[]): Promise<unknown> => {
      try {
        return await command(...(given as never[]));
      } catch (error) {
        void tell(error); // Nobody waits for the user to close a message.
        return undefined;
      }
    };
    context.subscriptions.push(vscode.commands.registerCommand(name, guarded));
  }
  context.subscriptions.push(
    log,
    server,
    receipts,
    highlights,
    preview,
    statusBar,
    vscode.window.registerWebviewViewProvider(
      "copydecode.latency",
      new LatencyView(context.extensionUri, receipts),
    ),
    receipts.onDidChange(() => {
      server.edited();
      statusBar.update();
    }),
    server.onDidChangeState((state) => {
      statusBar.update();
      void vscode.commands.executeCommand("setContext", "copydecode.ready", state === "ready");
      log.info(lookOf(state, { edits: 0, hunks: 0 }).spoken);
      if (state === "failed" || (state === "needs-set-up" && isNews(server, context.globalState))) {
        void offerHelp(server);
      }
    }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (STARTED_WITH.some((name) => event.affectsConfiguration(name))) {
        void server.restart();
      }
    }),
  );
  void server.restart({ asked: false });
  const activationMs = performance.now() - started;
  return {
    state: () => server.state,
    onDidChangeState: server.onDidChangeState,
    lastReceipt: () => receipts.newestFirst[0],
    serverPid: () => server.pid,
    activationMs,
  };
}

export async function deactivate(): Promise<void> {
  await stop?.();
}

/** An error that the user was told of already, or is told of with a way out. */
class NotRunningError extends Error {}

/**
 * Returns the client once the server can be asked: while it starts that is waited for.
 * @throws NotRunningError where there is none to wait for.
 */
async function running(server: Server): Promise<LanguageClient> {
  if (!server.client && ["finding", "starting"].includes(server.state)) {
    await new Promise<void>((resolve) => {
      const listener = server.onDidChangeState((state) => {
        if (!["finding", "starting"].includes(state)) {
          listener.dispose();
          resolve();
        }
      });
    });
  }
  if (server.client) {
    return server.client;
  }
  throw new NotRunningError(server.reasons[0] ?? "the server does not run");
}

/** Returns the editor that an edit is for; where there is none the user is told. */
function activeEditor(): vscode.TextEditor | undefined {
  const editor = vscode.window.activeTextEditor;
  if (!editor) {
    void vscode.window.showInformationMessage(
      "copydecode: open a file first, and put the cursor where something is to change.",
    );
  }
  return editor;
}

/** Tells a command's failure. */
async function tell(error: unknown): Promise<void> {
  const message = error instanceof Error ? error.message : String(error);
  const actions = error instanceof NotRunningError ? [SET_UP, RESTART, SHOW_LOG] : [SHOW_LOG];
  await follow(await vscode.window.showErrorMessage(`copydecode: ${message}`, ...actions));
}

/** Notes that somebody was told on this machine that there is something to be set up. */
const TOLD = "copydecode.toldOfSetUp";

/**
 * Returns whether to tell that the server needs to be set up: where somebody asked for a start or had
 * one that worked, and else once on a machine. The status bar says it at any rate.
 */
function isNews({ asked }: Server, memory: vscode.Memento): boolean {
  const told = memory.get(TOLD, false);
  void memory.update(TOLD, true);
  return asked || !told;
}

/** Says why the server does not run, and what can be done. */
async function offerHelp({ state, reasons }: Server): Promise<void> {
  if (state === "needs-set-up") {
    const found = reasons.length ? ` ${reasons.join(". ")}.` : " No Python was found.";
    await follow(
      await vscode.window.showWarningMessage(
        `copydecode needs a Python that has it.${found}`,
        SET_UP,
        "Open Settings",
      ),
    );
  } else {
    const why = reasons.join(". ");
    await follow(
      await vscode.window.showErrorMessage(`copydecode has stopped: ${why}`, RESTART, SHOW_LOG),
    );
  }
}

async function follow(chosen: string | undefined): Promise<void> {
  const commands: Record<string, [string, ...unknown[]]> = {
    [SET_UP]: ["copydecode.setUp"],
    [RESTART]: ["copydecode.restart"],
    [SHOW_LOG]: ["copydecode.showLog"],
    // Settings of the machine where the server runs stand in a part of their own in a remote window.
    "Open Settings": vscode.env.remoteName
      ? ["workbench.action.openRemoteSettings", { query: "@id:copydecode.python" }]
      : ["workbench.action.openSettings", "@id:copydecode.python"],
  };
  const command = chosen === undefined ? undefined : commands[chosen];
  if (command) {
    await vscode.commands.executeCommand(...command);
  }
}

/** Opens the walkthrough's example, beside nothing and saved nowhere. */
async function openExample(extension: vscode.Uri): Promise<void> {
  const file = vscode.Uri.joinPath(extension, "walkthrough", "example.py.txt");
  const content = new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
  const document = await vscode.workspace.openTextDocument({ language: "python", content });
  await vscode.window.showTextDocument(document);
}

/** Shows what the status bar stands for, and what can be done from there. */
async function showStatus(
  server: Server,
  work: WorkCounter,
  receipts: ReceiptStore,
): Promise<void> {
  const [last] = receipts.newestFirst;
  const { spoken } = lookOf(server.state, work.work);
  const item = (label: string, command: string, detail?: string) => ({
    label,
    command,
    ...(detail !== undefined && { detail }),
  });
  const chosen = await vscode.window.showQuickPick(
    [
      item("$(edit) Apply AI Edit…", "copydecode.edit"),
      item(
        "$(graph) Show Latency",
        "copydecode.showLatency",
        last && `The last edit: ${last.file}, ${inWords(last)}`,
      ),
      ...(work.work.edits > 0 ? [item("$(stop-circle) Cancel Edit", "copydecode.cancelEdit")] : []),
      item("$(output) Show Log", "copydecode.showLog"),
      item("$(refresh) Restart Server", "copydecode.restart", server.from),
      item("$(tools) Set Up…", "copydecode.setUp"),
    ],
    { title: spoken, placeHolder: server.reasons[0] ?? "What would you like to do?" },
  );
  if (chosen) {
    await vscode.commands.executeCommand(chosen.command);
  }
}
