/**
 * The life of the language server: found, started, started again when it ends by itself, stopped.
 * Knows nothing of edits.
 */

import * as vscode from "vscode";
import type {
  LanguageClient,
  LanguageClientOptions,
  Middleware,
  ServerOptions,
} from "vscode-languageclient/node";
import { Backoff } from "./backoff";
import { SELECTED, type Candidate } from "./python/candidates";
import { findServer, onDidSelect, type Search } from "./python/find";
import type { RemoteKey } from "./remoteKey";
import { answers, type State } from "./state";

/** The documents that the server is told of. */
const SCHEMES = ["file", "untitled", "vscode-notebook-cell", "vscode-vfs"];

/** The kinds of errors by which the server tells that a model server cannot be used. */
const REMOTE = /^Remote.*Error$/;

/** What a client of the running server is used for besides its own features. */
export interface Wiring {
  middleware: Middleware;
  /** Is called for each client before it starts. */
  connect: (client: LanguageClient) => void;
}

export class Server implements vscode.Disposable {
  private current: LanguageClient | undefined;
  private readonly changed = new vscode.EventEmitter<State>();
  private readonly backoff = new Backoff();
  /** Clients whose server has ended by itself. */
  private readonly dead = new WeakSet<LanguageClient>();
  private retry: NodeJS.Timeout | undefined;
  /** Starts and stops follow each other, never side by side. */
  private queue: Promise<void> = Promise.resolve();
  private wiring: Wiring | undefined;
  private now: State = "stopped";
  private disposed = false;
  /** The Python that runs the server. */
  private chosen: Candidate | undefined;
  /** Listens to what the Python extension selects. */
  private selection: vscode.Disposable | undefined;
  /** Why there is nothing to start, or why it failed, for the user. */
  reasons: readonly string[] = [];
  /** Where the Python that runs the server was found. */
  from = "";
  /** Whether somebody asked for the last start, or lost by it what had worked. */
  asked = false;

  readonly onDidChangeState = this.changed.event;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
    private readonly key: RemoteKey,
  ) {}

  /** Has every client wired up in this way; before the first start. */
  wire(wiring: Wiring): void {
    this.wiring = wiring;
  }

  get state(): State {
    return this.now;
  }

  /** The client of the server that answers now; undefined where none does. */
  get client(): LanguageClient | undefined {
    return answers(this.now) ? this.current : undefined;
  }

  /** The process, for tests and bug reports. */
  get pid(): number | undefined {
    return this.current?.serverProcess?.pid;
  }

  /** An edit has ended: a model server that could not be used may have made it. */
  edited(): void {
    if (this.now === "away" && this.current) {
      void this.waitUntilReady(this.current);
    }
  }

  /** Stops what runs and starts anew; `asked` is whether somebody asked for it. Never throws. */
  restart({ asked } = { asked: true }): Promise<void> {
    this.backoff.reset();
    return this.enqueue(async () => {
      this.asked = asked;
      this.turn("finding"); // Who asks for the client while the old one ends waits for the new one.
      await this.end();
      await this.begin();
    });
  }

  /**
   * Looks again, as another Python was selected in the Python extension: where the server needs to be
   * set up, and where it came from there. One that runs is not given up for none. Never throws.
   */
  async reconsider(): Promise<void> {
    if (this.retry) {
      return; // It is about to look by itself.
    }
    await this.enqueue(async () => {
      if (this.now !== "needs-set-up" && this.chosen?.from !== SELECTED) {
        return;
      }
      const search = await findServer(this.context);
      const { found } = search;
      if (this.now === "needs-set-up" || (found && found.python !== this.chosen?.python)) {
        this.asked = false;
        this.forget();
        this.turn("finding");
        await this.end();
        await this.begin(search);
      }
    });
  }

  /** Stops for good. Never throws. */
  stop(): Promise<void> {
    return this.enqueue(async () => {
      await this.end();
      this.turn("stopped");
    });
  }

  dispose(): void {
    this.disposed = true;
    this.forget();
    this.selection?.dispose();
    this.changed.dispose();
  }

  private enqueue(step: () => Promise<void>): Promise<void> {
    this.forget();
    this.queue = this.queue.then(step).catch((error: unknown) => {
      this.log.error(String(error));
      this.fail([String(error)]);
    });
    return this.queue;
  }

  /** @param known what was found already. */
  private async begin(known?: Search): Promise<void> {
    this.reasons = [];
    this.turn("finding");
    // Before it is looked: what is selected meanwhile would be missed.
    this.selection ??= await onDidSelect(() => void this.reconsider());
    const search = known ?? (await findServer(this.context));
    this.chosen = search.found && { python: search.found.python, from: search.from };
    if (!search.found) {
      this.log.warn(
        `no Python with copydecode: ${search.refused.join("; ") || "no Python at all"}`,
      );
      this.reasons = search.refused;
      this.turn("needs-set-up");
      return;
    }
    const { python, copydecode } = search.found;
    this.from = `${python}, from ${search.from}`;
    this.log.info(`starting copydecode ${copydecode ?? ""} with ${this.from}`);
    this.turn("starting");
    // Not before it is needed: the library is most of what this extension weighs.
    const library = await import("vscode-languageclient/node");
    const secret = await this.key.get();
    const server: ServerOptions = {
      command: python,
      // -P: what lies in the folder that is open is not imported in place of what was installed.
      args: ["-P", "-m", "copydecode_lsp", "serve"],
      options: { env: { ...process.env, ...(secret && { COPYDECODE_API_KEY: secret }) } },
    };
    const options: LanguageClientOptions = {
      documentSelector: SCHEMES.map((scheme) => ({ scheme })),
      outputChannel: this.log,
      revealOutputChannelOn: library.RevealOutputChannelOn.Never,
      textSynchronization: { delayOpenNotifications: true },
      ...(this.wiring && { middleware: this.wiring.middleware }),
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: library.ErrorAction.Continue, handled: true }),
        closed: () => {
          this.dead.add(client);
          this.ended(client);
          return { action: library.CloseAction.DoNotRestart, handled: true };
        },
      },
    };
    const client = new library.LanguageClient("copydecode", "copydecode", server, options);
    client.registerFeature({
      fillClientCapabilities: (capabilities) => {
        capabilities.experimental = {
          ...(capabilities.experimental as object | undefined),
          copydecode: { hunks: true },
        };
      },
      initialize: () => undefined,
      getState: () => ({ kind: "static" }),
      clear: () => undefined,
    });
    this.wiring?.connect(client);
    this.current = client;
    try {
      await client.start();
    } catch (error) {
      if (this.dead.has(client)) {
        return; // While it started: `ended` sees to what follows.
      }
      this.current = undefined;
      this.fail([
        `the server did not start: ${error instanceof Error ? error.message : String(error)}`,
      ]);
      return;
    }
    this.turn("loading");
    void this.waitUntilReady(client);
  }

  private async waitUntilReady(client: LanguageClient): Promise<void> {
    try {
      await client.sendRequest("workspace/executeCommand", {
        command: "copydecode.waitUntilReady",
        arguments: [],
      });
    } catch (error) {
      if (client === this.current && this.now === "loading") {
        // Not where the server has ended: then it is being started again.
        const reasons = [error instanceof Error ? error.message : String(error)];
        if (REMOTE.test((error as { data?: { kind?: string } }).data?.kind ?? "")) {
          this.reasons = reasons; // The server has said so, and tries it again with the next edit.
          this.turn("away");
        } else {
          this.fail(reasons);
        }
      }
      return;
    }
    if (client === this.current) {
      this.reasons = [];
      this.turn("ready");
    }
  }

  private async end(): Promise<void> {
    const client = this.current;
    this.current = undefined;
    if (!client) {
      return;
    }
    try {
      await client.dispose();
    } catch (error) {
      this.log.info(`the server did not stop as it should: ${String(error)}`);
    }
  }

  /** A server has ended without having been asked to. */
  private ended(client: LanguageClient): void {
    if (client !== this.current || this.disposed) {
      return;
    }
    const delay = this.backoff.next(Date.now());
    if (delay === undefined) {
      void this.enqueue(async () => {
        await this.end();
        this.fail(["the server ended by itself several times within three minutes"]);
      });
      return;
    }
    this.log.warn(`the server ended by itself; it is started again in ${delay} ms`);
    this.asked = true;
    this.turn("starting");
    this.forget();
    this.retry = setTimeout(() => {
      void this.enqueue(async () => {
        await this.end();
        await this.begin();
      });
    }, delay);
  }

  private forget(): void {
    clearTimeout(this.retry);
    this.retry = undefined;
  }

  private fail(reasons: readonly string[]): void {
    this.reasons = reasons;
    this.turn("failed");
  }

  private turn(state: State): void {
    if (this.now !== state && !this.disposed) {
      this.now = state;
      this.changed.fire(state);
    }
  }
}
