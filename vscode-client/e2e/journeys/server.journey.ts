/** The server's life as the user sees it, on the scripted engine: cancelled, killed, set anew. */

import { afterAll, expect, it } from "vitest";
import { scripted } from "../scripted";
import { until } from "../until";
import { Workbench } from "../workbench";
import { opened, vscode } from "./session";
import * as texts from "./texts";

const engine = scripted();
afterAll(() => engine.remove());

const editor = vscode({ "copydecode.python": engine.python });
const workbench = opened(editor, { files: { "lines.py": texts.LINES, "more.py": texts.LINES } });

it("an edit is cancelled from the status bar, and the next one works", async () => {
  const user = workbench();
  await user.says("AI edit: ready");
  await user.goTo(2, 1);
  await user.ask("wait");
  await user.says("AI edit: working");
  await user.status.click();
  await user.quickPick.locator(".monaco-list-row", { hasText: "Cancel Edit" }).click();
  await user.says("AI edit: ready");
  await user.shows(texts.LINES);
  await user.goTo(2, 1);
  await user.ask("put: b = 22");
  await user.shows(texts.LINES.replace("b = 2", "b = 22"));
  await user.undoesTo("lines.py", texts.LINES);
});

it("an edit that takes long is cancelled from its progress", async () => {
  const user = workbench();
  await user.goTo(2, 1);
  await user.ask("wait");
  await user.message("AI edit").getByRole("button", { name: "Cancel" }).click();
  await user.says("AI edit: ready");
  await user.shows(texts.LINES);
});

it("two edits at once each tell how far they are, and both are cancelled", async () => {
  const user = workbench();
  await user.goTo(2, 1);
  await user.ask("wait");
  await user.show("more.py");
  await user.goTo(3, 1);
  await user.ask("hold: c = 33");
  await user.message(/AI edit.*copied line 1(?!.*hunk)/).waitFor();
  await user.message(/AI edit.*copied line 4; 1 hunk/).waitFor();
  await user.command("AI Edit: Cancel Edit");
  await user.says("AI edit: ready");
  await user.shows(texts.LINES);
  await user.show("lines.py");
  await user.shows(texts.LINES);
});

it("an edit is cancelled by command", async () => {
  const user = workbench();
  await user.goTo(2, 1);
  await user.ask("wait");
  await user.says("AI edit: working");
  await user.command("AI Edit: Cancel Edit");
  await user.says("AI edit: ready");
  await user.shows(texts.LINES);
});

it("an edit that fails says why, and leaves the text", async () => {
  const user = workbench();
  await user.goTo(2, 1);
  await user.ask("endless");
  await user.message("expected an end within 8 tokens").waitFor();
  await user.shows(texts.LINES);
});

it("a server that is killed comes back, and the next edit works", async () => {
  const user = workbench();
  const killed = engine.pid() ?? 0;
  process.kill(killed, "SIGKILL");
  await until("another server", () => engine.pid() !== killed);
  await user.says("AI edit: ready");
  await user.goTo(3, 1);
  await user.ask("put: c = 33");
  await user.shows(texts.LINES.replace("c = 3", "c = 33"));
  await user.undoesTo("lines.py", texts.LINES);
});

it("a setting that cannot be used is named, and one that can be reaches the server", async () => {
  const user = workbench();
  const { pid } = { pid: engine.pid() };
  await user.set({ "copydecode.maxDocumentBytes": 0 });
  await user.message(/maxDocumentBytes: expected/).waitFor();
  await user.set({ "copydecode.maxDocumentBytes": 5 });
  await user.show("lines.py");
  await user.goTo(3, 1);
  await user.ask("put: c = 33");
  await user.message(/bytes/).waitFor();
  await user.shows(texts.LINES);
  await user.set({ "copydecode.maxDocumentBytes": 5000 });
  await user.show("lines.py");
  await user.goTo(3, 1);
  await user.ask("put: c = 33");
  await user.shows(texts.LINES.replace("c = 3", "c = 33"));
  expect(engine.pid()).toBe(pid);
});

it("an action that is chosen while no model can be loaded says so", async () => {
  const user = await Workbench.open(editor(), {
    files: { "ledger.py": texts.LEDGER },
    settings: { "copydecode.model": "missing" },
  });
  await user.says("AI edit: failed");
  await user.showsProblems();
  await user.goTo(8, 14);
  await user.apply(texts.FIX);
  const said = user.message("copydecode: expected a model folder or name, found nothing");
  await said.getByRole("button", { name: "Restart Server" }).waitFor();
  await user.shows(texts.LEDGER);
});
