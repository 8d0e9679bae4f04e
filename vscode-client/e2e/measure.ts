/**
 * How long it is, in the real editor, from the key that chooses a quick fix to the changed text, beside
 * what of it is the server's: `make bench-vscode`. A program that prints a table, and no test.
 *
 * Each fix is in a file of its own of 100 lines, which was read ahead as every open one is: no edit is
 * computed twice, and none waits for the model to be loaded.
 */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Editor, OUT, PYTHON, RECEIPTS } from "./editor";
import { until } from "./until";
import { Workbench } from "./workbench";

const TIMES = 20;
/** The first ones are not counted: the editor has its own code to warm. */
const WARMING = 2;
const WRONG = "surfacee";

/** One fix, in ms. */
interface Fix {
  /** From the key's event to the line's change in the page, which is painted with the next frame. */
  keyToText: number;
  /** From the request to its answer, as the extension saw it. */
  roundTrip: number;
  /** What the server counted. */
  server: number;
}

/** What `receipts.write` writes. */
interface Written {
  receipt?: { id: string; total_s: number };
  roundTripMs?: number;
  activationMs: number;
}

async function main(): Promise<void> {
  const editor = await Editor.start(
    { "copydecode.python": PYTHON, "pyflakes.python": PYTHON },
    { extensions: [RECEIPTS] },
  );
  try {
    const names = Array.from({ length: WARMING + TIMES }, (_, n) => `areas_${n}.py`);
    const files = Object.fromEntries(names.map((name, n) => [name, text(n)]));
    const settings = { "copydecode.confirm": "never" };
    const workbench = await Workbench.open(editor, { files, settings });
    await workbench.says("AI edit: ready");
    const fixes: Fix[] = [];
    let activationMs = 0;
    for (const [n, name] of names.entries()) {
      const { fix, written } = await measured(workbench, name, n);
      activationMs = written.activationMs;
      if (n >= WARMING) {
        fixes.push(fix);
      }
    }
    const shown = await shownActivation(workbench);
    report(fixes, { own: activationMs, shown });
  } catch (error) {
    await editor.keepEvidence("measure");
    throw error;
  } finally {
    await editor.stop();
  }
}

/** Fixes a file's one mistake by keys. */
async function measured(
  workbench: Workbench,
  name: string,
  n: number,
): Promise<{ fix: Fix; written: Written }> {
  await workbench.show(name);
  await workbench.goTo(lineOf(n), 14);
  await workbench.showsProblems();
  const menu = await workbench.openActions();
  await workbench.moveTo(menu, `fix undefined name '${WRONG}'`);
  const { page } = workbench;
  await page.evaluate(watch, WRONG);
  await page.keyboard.press("Enter");
  const keyToText = await until(`the fix in ${name}`, () => page.evaluate(() => window.keyToText));
  const path = join(workbench.folder, "receipt.json");
  rmSync(path, { force: true });
  await workbench.command("Receipts: Write");
  await until("a receipt", () => existsSync(path));
  const written = JSON.parse(readFileSync(path, "utf8")) as Written;
  if (written.receipt === undefined || written.roundTripMs === undefined) {
    throw new Error(`no receipt of the fix in ${name}`);
  }
  await workbench.save(name);
  const server = written.receipt.total_s * 1000;
  return { fix: { keyToText, roundTrip: written.roundTripMs, server }, written };
}

declare global {
  interface Window {
    /** From Enter to when the mistake was gone; not there before. */
    keyToText?: number | undefined;
  }
}

/** Runs in the page: notes when Enter is pressed, and when no line has the mistake any more. */
function watch(wrong: string): void {
  window.keyToText = undefined;
  window.addEventListener(
    "keydown",
    ({ timeStamp }) => {
      const observer = new MutationObserver(() => {
        const lines = [...document.querySelectorAll(".view-line")];
        if (lines.length > 0 && !lines.some((line) => line.textContent.includes(wrong))) {
          window.keyToText = performance.now() - timeStamp;
          observer.disconnect();
        }
      });
      observer.observe(document.body, { subtree: true, childList: true, characterData: true });
    },
    { capture: true, once: true },
  );
}

/** Returns the line that "Running Extensions" has on our activation. */
async function shownActivation(workbench: Workbench): Promise<string> {
  await workbench.command("Developer: Show Running Extensions");
  const row = workbench.page.locator(".runtime-extensions-editor .extension", {
    has: workbench.page.locator(".name", { hasText: /^copydecode$/ }),
  });
  const time = row.locator(".activation-time");
  await time.waitFor();
  return (await time.textContent()) ?? "";
}

/** A file of 100 lines with one mistake; each `n` is another text. */
function text(n: number): string {
  return Array.from(
    { length: 20 },
    (_, k) => `def area_${n}_${k}(width, height):
    surface = width * height + ${k}
    return ${lineOf(n) === 5 * k + 3 ? WRONG : "surface"}


`,
  ).join("");
}

function lineOf(n: number): number {
  return 5 * (n % 20) + 3;
}

function report(fixes: readonly Fix[], activation: { own: number; shown: string }): void {
  const columns: [string, (fix: Fix) => number][] = [
    ["key to changed text", (fix) => fix.keyToText],
    ["request to answer", (fix) => fix.roundTrip],
    ["server", (fix) => fix.server],
    ["key to text less server", (fix) => fix.keyToText - fix.server],
  ];
  const rows = columns.map(([name, of]) => {
    const sorted = fixes.map(of).sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? NaN;
    return { name, median: at(0.5), least: at(0), "90 %": at(0.9), most: at(1) };
  });
  console.log(`A located fix in 100 lines, ${fixes.length} times, in ms\n`);
  console.log(`${"".padEnd(26)}${["median", "least", "90 %", "most"].map(right).join("")}`);
  for (const { name, ...values } of rows) {
    console.log(
      name.padEnd(26) +
        Object.values(values)
          .map((ms) => right(ms.toFixed(1)))
          .join(""),
    );
  }
  console.log(
    `\nactivation ${activation.own.toFixed(1)} ms; Running Extensions: ${activation.shown}`,
  );
  mkdirSync(OUT, { recursive: true });
  const path = join(OUT, "latency.json");
  writeFileSync(path, JSON.stringify({ fixes, activation }, undefined, 2));
  console.log(path);
}

function right(value: string): string {
  return value.padStart(9);
}

await main();
