/**
 * Takes the pictures that the READMEs show, of the real editor: `make pictures`. A program, and no test:
 * the figures in them are those of the machine that it runs on, so they are taken when what they show
 * has changed, and looked at.
 */

import { join } from "node:path";
import { Editor, PYTHON } from "./editor";
import { until } from "./until";
import { Workbench } from "./workbench";

/** A line too many, and a misspelt name. */
const LEDGER = `"""Totals of a ledger."""


def total(items):
    print("debug:", items)
    result = 0
    for item in items:
        result += item.price
    return resultt


print(total([]))
`;
const FIX = "Apply AI edit: fix undefined name 'resultt'";

/** Little of the window but what the pictures are about. */
const LOOK = {
  "breadcrumbs.enabled": false,
  "copydecode.highlightChanges": false,
  "copydecode.preview": "diff",
  "editor.fontSize": 14,
  "editor.renderLineHighlight": "none",
  "editor.scrollBeyondLastLine": false,
  "scm.diffDecorations": "none",
  "window.commandCenter": false,
  "workbench.activityBar.location": "hidden",
  "workbench.colorTheme": "Dark Modern",
  "workbench.layoutControl.enabled": false,
};

const SMALL = { width: 680, height: 330 };
/** Wide enough for both sides of a diff, and for the latency view's columns. */
const WIDE = { width: 920, height: 330 };

async function main(): Promise<void> {
  const editor = await Editor.start(
    { "copydecode.python": PYTHON, "pyflakes.python": PYTHON, ...LOOK },
    { scale: 1.5 },
  );
  try {
    const user = await Workbench.open(editor, {
      files: { "ledger.py": LEDGER },
      settings: { "copydecode.confirm": "always" },
    });
    await user.says("AI edit: ready");
    await user.showsProblems();
    await user.command("View: Close Primary Side Bar");
    await quickFix(user);
    await instruction(user);
    await latency(user);
  } catch (error) {
    await editor.keepEvidence("pictures");
    throw error;
  } finally {
    await editor.stop();
  }
}

async function quickFix(user: Workbench): Promise<void> {
  await user.page.setViewportSize(SMALL);
  await user.goTo(9, 14);
  await user.moveTo(await user.openActions(), FIX);
  await picture(user, "fix");
  await user.page.setViewportSize(WIDE); // That closes the menu.
  await user.goTo(9, 14);
  await user.apply(FIX);
  await user.showsDiff();
  await picture(user, "preview");
  await user.page.keyboard.press("Control+Enter");
  await user.shows(LEDGER.replace("resultt", "result"));
  await user.undoesTo("ledger.py", LEDGER);
}

async function instruction(user: Workbench): Promise<void> {
  await user.page.setViewportSize(SMALL);
  await user.goTo(5, 1);
  await user.openInstructions();
  await user.quickInput.fill("delete this line");
  await user.quickPick.getByText("Enter").waitFor();
  await picture(user, "instruction");
  await user.page.keyboard.press("Escape");
}

async function latency(user: Workbench): Promise<void> {
  await user.set({ "copydecode.confirm": "never" });
  await user.command("View: Close Editor");
  for (const wish of [
    "delete line 5",
    "duplicate line 6",
    "delete lines 7 to 8",
    "delete line 12",
  ]) {
    for (const line of [5, 8]) {
      await user.goTo(line, 1);
      await user.ask(wish);
      await until(wish, async () => (await user.lines()).join("\n") !== LEDGER);
      await user.undoesTo("ledger.py", LEDGER);
    }
  }
  await user.command("AI Edit: Show Latency");
  await user.command("View: Toggle Maximized Panel");
  await user.webview().getByText("Last 9").waitFor();
  await user.page.setViewportSize(WIDE);
  await picture(user, "latency");
}

/** Takes a picture of the window without its status bar. */
async function picture({ page }: Workbench, name: string): Promise<void> {
  const { y: height } = (await page.locator(".part.statusbar").boundingBox()) ?? unreachable();
  const width = page.viewportSize()?.width ?? unreachable();
  await page.screenshot({
    path: join(process.cwd(), "media", `${name}.png`),
    clip: { x: 0, y: 0, width, height },
  });
}

function unreachable(): never {
  throw new Error("every window has a size and a status bar");
}

await main();
