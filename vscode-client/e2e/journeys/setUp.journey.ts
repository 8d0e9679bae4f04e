/** The first start: nothing is there that could serve, and the ways from there to an edit. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { INTERPRETER, PYTHON } from "../editor";
import { scripted } from "../scripted";
import { until } from "../until";
import { Workbench } from "../workbench";
import { opened, vscode } from "./session";
import * as texts from "./texts";

const MISSING = "copydecode needs a Python that has it";

describe("where no Python has copydecode", () => {
  const editor = vscode({ "copydecode.python": "" });
  const workbench = opened(editor, { files: { "lines.py": texts.LINES } });

  it("that is said once on a machine, and again where somebody asks for a start", async () => {
    const user = workbench();
    await user.says("AI edit: needs to be set up");
    await user.message(MISSING).waitFor();
    await user.picture("set up");
    // VS Code stores what an extension notes some moments later, and not at all where a window is gone
    // by then: one that opens before says it again.
    const quiet = async (): Promise<Workbench | undefined> => {
      const another = await Workbench.open(editor(), { files: { "lines.py": texts.LINES } });
      await another.says("AI edit: needs to be set up");
      // What is said later is seen later: the other message would be there by then.
      await another.copy("Dear all, the meeting is on Monday");
      await another.command("AI Edit: Apply Snippet from Clipboard");
      await another.message("the clipboard does not hold code").waitFor();
      await another.command("Notifications: Show Notifications"); // Those that are hidden, too.
      const all = another.page.locator(".notifications-center");
      await all.getByText("the clipboard does not hold code").first().waitFor();
      const said = await all.getByText(MISSING).count();
      await another.page.keyboard.press("Escape");
      return said ? undefined : another;
    };
    const another = await until("a window that says nothing of it", quiet);
    await another.command("AI Edit: Restart Server");
    await another.message(MISSING).waitFor();
  });

  it("one that is named in the settings serves", async () => {
    const user = await Workbench.open(editor(), { files: { "lines.py": texts.LINES } });
    await user.says("AI edit: needs to be set up");
    await user.command("AI Edit: Restart Server");
    await user.message(MISSING).getByRole("button", { name: "Open Settings" }).click();
    const box = user.page.locator(".settings-editor .setting-item-contents input").first();
    await box.waitFor();
    await box.fill(PYTHON);
    await user.picture("set up settings");
    await user.says("AI edit: ready");
    await user.show("lines.py");
    await user.goTo(1, 1);
    await user.ask("delete line 3");
    await user.shows("a = 1\nb = 2\nd = 4\n");
  });
});

describe("with the Python extension", () => {
  const engine = scripted();
  afterAll(() => engine.remove());
  const editor = vscode({ "copydecode.python": "" }, { extensions: [INTERPRETER] });
  const workbench = opened(editor, {
    files: { "lines.py": texts.LINES, "interpreter.txt": "/nowhere/python" },
  });

  it("the interpreter that is selected there serves, and another one takes its place", async () => {
    const user = workbench();
    const select = async (python: string): Promise<void> => {
      writeFileSync(join(user.folder, "interpreter.txt"), python);
      await user.command("Python: Select Interpreter");
    };
    await user.says("AI edit: needs to be set up");
    await select(PYTHON);
    await user.says("AI edit: ready");
    expect(engine.pid()).toBeUndefined();
    await select(engine.python);
    await until("the other one's server", () => engine.pid());
    await user.says("AI edit: ready");
    await user.goTo(2, 1);
    await user.ask("put: b = 22");
    await user.shows(texts.LINES.replace("b = 2", "b = 22"));
  });
});
