/** The first start: nothing is there that could serve, and the way from there to an edit. */

import { it } from "vitest";
import { PYTHON } from "../editor";
import { opened, vscode } from "./session";
import * as texts from "./texts";

const editor = vscode({ "copydecode.python": "" });
const workbench = opened(editor, { files: { "lines.py": texts.LINES } });

it("says what is missing, and works once a Python is named in the settings", async () => {
  const user = workbench();
  await user.says("AI edit: needs to be set up");
  const message = user.message("copydecode needs a Python that has it");
  await message.waitFor();
  await user.picture("set up");
  await message.getByRole("button", { name: "Open Settings" }).click();
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
