/** The extension's own page in VS Code: what the README says, and its pictures. */

import { expect, it } from "vitest";
import { OLDEST } from "../editor";
import { untilSeen } from "../until";
import { opened, vscode } from "./session";
import * as texts from "./texts";

const editor = vscode();
const workbench = opened(editor, { files: { "lines.py": texts.LINES } });

it("the extension's page shows the README's pictures, or what they are of", async () => {
  const user = workbench();
  const item = user.page.locator(".extension-list-item", { hasText: "AI edits by" }).first();
  await untilSeen(
    "the extensions",
    () => user.page.keyboard.press("Control+Shift+x"),
    () => item.isVisible(),
  );
  await item.click();
  const page = user.webview();
  await page.getByRole("heading", { name: "copydecode for VS Code" }).waitFor();
  const pictures = page.locator("img");
  await pictures.last().scrollIntoViewIfNeeded();
  await user.picture("page");
  const shown = await pictures.evaluateAll((all) =>
    all.map((one) => ({
      words: (one as HTMLImageElement).alt.split(" ", 3).join(" "),
      loaded: (one as HTMLImageElement).naturalWidth > 0,
    })),
  );
  // Newer ones show pictures from the web alone.
  const loaded = OLDEST;
  expect(shown).toEqual([
    { words: "The menu at", loaded },
    { words: "The instruction box", loaded },
    { words: "The diff editor:", loaded },
    { words: "The latency view:", loaded },
  ]);
});
