/** What all files of journeys share: one VS Code each, and evidence of what failed. */

import { afterAll, beforeAll, beforeEach } from "vitest";
import { Editor, PYTHON, type Further, type Settings } from "../editor";
import { Workbench, type Opening } from "../workbench";

/** Begins with a VS Code in which nothing is open; it is there once the journeys run. */
export function vscode(machine: Settings = {}, further: Further = {}): () => Editor {
  let editor: Editor | undefined;
  beforeAll(async () => {
    const pythons = { "copydecode.python": PYTHON, "pyflakes.python": PYTHON };
    editor = await Editor.start({ ...pythons, ...machine }, further);
  });
  beforeEach(({ task, onTestFailed }) => {
    onTestFailed(() => editor?.keepEvidence(task.name));
  });
  afterAll(() => editor?.stop());
  return () => editor ?? unreachable();
}

/** Begins with a folder opened in a VS Code, in place of the one before. */
export function opened(editor: () => Editor, opening: Opening): () => Workbench {
  let workbench: Workbench | undefined;
  beforeAll(async () => {
    workbench = await Workbench.open(editor(), opening);
  });
  return () => workbench ?? unreachable();
}

function unreachable(): never {
  throw new Error("only journeys may ask for it");
}
