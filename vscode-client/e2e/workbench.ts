/**
 * What a user does in VS Code's window, and sees there. Knows the window's parts by their roles and
 * names; waits for what a gesture is to bring about, and repeats it until then.
 */

import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { FrameLocator, Locator, Page } from "playwright-core";
import type { Editor, Settings } from "./editor";
import { until, untilSeen } from "./until";

const START_MS = 60_000;
/** How long a gesture may take to come about before it is repeated. */
const MOMENT_MS = 2000;

export interface Opening {
  files: Record<string, string>;
  settings?: Settings;
  /** The file that is shown; the first one if it is not said. */
  first?: string;
}

export class Workbench {
  private constructor(
    private readonly editor: Editor,
    readonly page: Page,
    readonly folder: string,
  ) {}

  /** Opens a new folder with these files, and shows one of them. */
  static async open(editor: Editor, { files, settings, first }: Opening): Promise<Workbench> {
    const folder = editor.folder(files, settings);
    const workbench = new Workbench(editor, editor.page, folder);
    const shown = first ?? Object.keys(files)[0];
    try {
      await editor.open(
        folder,
        shown === undefined ? [] : [["openFile", editor.address(join(folder, shown))]],
      );
      await (shown === undefined
        ? workbench.page.locator(".monaco-workbench .statusbar").waitFor({ timeout: START_MS })
        : workbench.page.locator(LINE).first().waitFor({ timeout: START_MS }));
      return workbench;
    } catch (error) {
      await editor.keepEvidence("open");
      throw error;
    }
  }

  /** The item in the status bar, by what a screen reader says of it. */
  get status(): Locator {
    return this.page.locator('[id="copydecode.copydecode.copydecode.status"] a');
  }

  /** Waits until the status bar's item says something. */
  async says(spoken: string | RegExp, patienceMs = START_MS): Promise<void> {
    const said = (): Promise<string> =>
      this.status.getAttribute("aria-label").then((it) => it ?? "");
    await until(
      async () => `the status bar says ${String(spoken)}; it says ${await said()}`,
      async () =>
        (await this.status.isVisible()) &&
        (typeof spoken === "string"
          ? (await said()).startsWith(spoken)
          : spoken.test(await said())),
      patienceMs,
    );
  }

  /** Shows a file of the folder, as by its name in Quick Open. */
  async show(name: string): Promise<void> {
    await this.pick("Control+p", join(this.folder, name), basename(name));
    await until(`a tab for ${name}`, () => this.tab(basename(name)).isVisible());
    await until(`the text of ${name}`, () => this.page.locator(LINE).first().isVisible());
  }

  /** The tab of an editor that is in front. */
  tab(name: string): Locator {
    return this.page.locator(".editor-group-container.active .tab.active", { hasText: name });
  }

  /** Runs a command by its title in the command palette. */
  async command(title: string): Promise<void> {
    await this.pick("F1", `>${title}`, title);
  }

  /** Types into the box that a key opens, and takes the line with that text. */
  private async pick(key: string, typed: string, line: string): Promise<void> {
    const row = this.quickPick.locator(".monaco-list-row", { hasText: line }).first();
    let taken = false;
    await untilSeen(
      `${line} is taken behind ${key}`,
      async () => {
        if (!taken) {
          await this.page.keyboard.press("Escape"); // The newest VS Code has settings in a dialog.
          await this.page.keyboard.press(key);
          taken = (await this.type(typed)) && (await succeeds(row.click({ timeout: MOMENT_MS })));
        }
      },
      // Another box may open in its place.
      async () =>
        taken &&
        (!(await this.quickInput.isVisible()) || (await this.quickInput.inputValue()) !== typed),
    );
  }

  /** Types into the box in the middle; returns false where it does not come, or goes again. */
  private type(text: string): Promise<boolean> {
    return succeeds(this.quickInput.fill(text, { timeout: MOMENT_MS }));
  }

  /** The box in the middle: commands, files, instructions. */
  get quickPick(): Locator {
    return this.page.locator(".quick-input-widget");
  }

  get quickInput(): Locator {
    return this.quickPick.locator("input").first();
  }

  /** Puts the cursor into the editor in front, from 1; tabs count as one character. */
  async goTo(line: number, column: number): Promise<void> {
    const place = this.page.locator('[id="status.editor.selection"]');
    await untilSeen(
      `the cursor in line ${line}`,
      async () => {
        await this.page.keyboard.press("Escape");
        await this.page.keyboard.press("Control+g");
        if (await this.type(`:${line}:${column}`)) {
          await this.page.keyboard.press("Enter");
        }
      },
      async () =>
        !(await this.quickInput.isVisible()) &&
        ((await place.textContent()) ?? "").trim().startsWith(`Ln ${line}, `) &&
        (await this.hasFocus()),
    );
  }

  private hasFocus(): Promise<boolean> {
    return this.page.locator(`${EDITOR} .monaco-editor.focused`).first().isVisible();
  }

  /** Returns the lines that the editor in front shows. */
  lines(): Promise<string[]> {
    return this.page.locator(LINE).evaluateAll((lines) =>
      lines
        .map((line) => ({
          top: Number.parseFloat((line as HTMLElement).style.top),
          text: line.textContent.replaceAll("\u00a0", " "),
        }))
        .sort((a, b) => a.top - b.top)
        .map(({ text }) => text),
    );
  }

  /** Waits until the editor shows just this text, which fits into it. */
  async shows(text: string): Promise<void> {
    let seen = "";
    await until(
      () => `the text is ${JSON.stringify(text)}; it is ${JSON.stringify(seen)}`,
      async () => (seen = (await this.lines()).join("\n")) === text.replaceAll("\r\n", "\n"),
    );
  }

  /** Waits until a line is shown that has this in it. */
  async showsLine(part: string): Promise<void> {
    await until(`a line with ${part}`, async () =>
      (await this.lines()).some((it) => it.includes(part)),
    );
  }

  /** Waits until no line is shown that has this in it. */
  async showsNoLine(part: string): Promise<void> {
    await until(`no line with ${part}`, async () => {
      const lines = await this.lines();
      return lines.length > 0 && !lines.some((line) => line.includes(part));
    });
  }

  /** Waits until what was found is underlined in the editor. */
  async showsProblems(): Promise<void> {
    await this.page.locator(`${EDITOR} .squiggly-warning`).first().waitFor({ timeout: START_MS });
  }

  /** Opens the menu of code actions at the cursor. */
  async openActions(): Promise<Locator> {
    const menu = this.page.locator(".action-widget").first(); // The newest VS Code has one for submenus.
    await untilSeen(
      "the menu of code actions",
      async () => {
        if (!(await menu.isVisible())) {
          await this.page.keyboard.press("Control+.");
        }
      },
      () => menu.locator(".monaco-list-row.action").first().isVisible(),
    );
    return menu;
  }

  /** Chooses an action of the open menu by the arrow keys; Enter takes it. */
  async moveTo(menu: Locator, title: string): Promise<void> {
    const row = menu.locator(".monaco-list-row.action", { hasText: title }).first();
    await row.waitFor();
    await untilSeen(
      `${title} is the one in front`,
      async () => {
        if (!(await isFocused(row))) {
          await this.page.keyboard.press("ArrowDown");
        }
      },
      () => isFocused(row),
      { eachMs: 300, times: 12 },
    );
  }

  /** Applies an action at the cursor, by keys. */
  async apply(title: string): Promise<void> {
    await this.moveTo(await this.openActions(), title);
    await this.page.keyboard.press("Enter");
  }

  /**
   * Clicks on the lightbulb that comes with the cursor, until the text changes: that applies an AI's
   * action which is the only one. A bulb that was clicked goes, so the cursor comes anew each time.
   */
  async clickLightbulb(line: number, column: number): Promise<void> {
    const bulb = this.page.locator(`${EDITOR} .lightBulbWidget`).first();
    await untilSeen(
      "a click on the lightbulb changes something",
      async () => {
        await this.goTo(1, 1);
        await this.goTo(line, column);
        // Not by the locator: it would scroll the bulb's box into view, and the editor's lines with it.
        const box = (await appears(bulb)) && (await bulb.boundingBox());
        if (box) {
          await this.page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
        }
      },
      () => this.isDirty(),
    );
  }

  /** The editor of a diff. */
  get diff(): Locator {
    return this.page.locator(`${EDITOR} .monaco-diff-editor`).first();
  }

  /** Waits until a diff is in front. */
  async showsDiff(): Promise<void> {
    await this.diff.locator(".editor.modified .view-line").first().waitFor();
  }

  /** Puts a text into the clipboard, as another program would. */
  async copy(text: string): Promise<void> {
    await this.page.evaluate((it) => navigator.clipboard.writeText(it), text);
  }

  /** Writes the folder's settings, in their file. */
  async set(settings: Settings): Promise<void> {
    const name = ".vscode/settings.json";
    const text = JSON.stringify(settings);
    await this.show(name);
    await this.goTo(1, 1);
    await this.copy(text);
    await untilSeen(
      "the settings' text",
      async () => {
        await this.page.keyboard.press("Control+a");
        await this.page.keyboard.press("Control+v");
      },
      async () => (await this.lines()).join("\n") === text,
    );
    await this.savedAs(name, text);
  }

  /** Opens the instruction box, by its key. */
  async openInstructions(): Promise<void> {
    await untilSeen(
      "the instruction box",
      async () => {
        if (!(await this.quickInput.isVisible())) {
          await this.page.keyboard.press("Control+Alt+e");
        }
      },
      async () =>
        (await this.quickInput.isVisible()) &&
        ((await this.quickInput.getAttribute("placeholder")) ?? "").startsWith(
          "What is to be done",
        ),
    );
  }

  /** Asks for an edit in the instruction box. */
  async ask(instruction: string): Promise<void> {
    const row = this.quickPick.locator(".monaco-list-row", { hasText: instruction }).first();
    let asked = false;
    await untilSeen(
      `${instruction} is asked for`,
      async () => {
        if (!asked) {
          await this.openInstructions();
          asked = (await this.type(instruction)) && (await appears(row));
          await this.page.keyboard.press(asked ? "Enter" : "Escape");
        }
      },
      // The newest VS Code has the box fade; who asks again would find this one.
      async () => asked && !(await this.quickInput.isVisible()),
    );
  }

  /** Undoes a step; whatever that brings back has to be this text. */
  async undoesTo(name: string, bytes: string): Promise<void> {
    await this.saved(name, (text) => text !== bytes);
    await untilSeen(
      "undo changes something",
      () => this.page.keyboard.press("Control+z"),
      () => this.isDirty(),
    );
    await this.save(name);
    const undone = this.read(name);
    if (undone !== bytes) {
      throw new Error(`undo led to ${JSON.stringify(undone)}, not ${JSON.stringify(bytes)}`);
    }
  }

  /** Saves, and waits until the file's bytes are these. */
  async savedAs(name: string, bytes: string): Promise<void> {
    await this.saved(name, (text) => text === bytes, JSON.stringify(bytes.slice(0, 2000)));
  }

  private async saved(
    name: string,
    right: (text: string) => boolean,
    what = "other",
  ): Promise<void> {
    await untilSeen(
      () => `${name} is saved as ${what}; it is ${JSON.stringify(this.read(name).slice(0, 2000))}`,
      () => this.save(name),
      () => right(this.read(name)),
      { eachMs: 1000 },
    );
  }

  /**
   * Saves the editor in front, where it has something to save. A save of what was saved already would
   * take its time, too, and write what is done meanwhile.
   */
  async save(name: string): Promise<void> {
    await untilSeen(
      `${name} is saved`,
      async () => {
        if (await this.isDirty()) {
          await this.page.keyboard.press("Control+s");
        }
      },
      async () => !(await this.isDirty()),
    );
  }

  /** Returns whether the editor in front has something to save. */
  private isDirty(): Promise<boolean> {
    return this.page.locator(".tab.active.dirty").isVisible();
  }

  /** Returns the text of a file as it is on disk. */
  read(name: string): string {
    return readFileSync(join(this.folder, name), "utf8");
  }

  /** A message in the corner. */
  message(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast", { hasText: text }).first();
  }

  /** The page inside of a view that an extension has written. */
  webview(): FrameLocator {
    return this.page.frameLocator("iframe.webview").frameLocator("#active-frame");
  }

  /** Keeps a picture of the window. */
  async picture(name: string): Promise<void> {
    await this.editor.keepPicture(name);
  }
}

const EDITOR = ".editor-group-container.active .editor-instance";
const LINE = `${EDITOR} .view-lines .view-line`;

/** Returns whether something appears within a moment. */
function appears(what: Locator): Promise<boolean> {
  return succeeds(what.waitFor({ timeout: MOMENT_MS }));
}

async function succeeds(gesture: Promise<void>): Promise<boolean> {
  try {
    await gesture;
    return true;
  } catch {
    return false;
  }
}

async function isFocused(row: Locator): Promise<boolean> {
  return ((await row.getAttribute("class")) ?? "").includes("focused");
}
