/** What all files of journeys share: one VS Code each, and evidence of what failed. */

import { afterAll, beforeAll, beforeEach } from "vitest";
import { Editor, PYTHON, type Settings } from "../editor";
import { Workbench, type Opening } from "../workbench";

/** Begins with a VS Code in which a folder is open; both are there once the journeys run. */
export function session(opening: Opening, machine: Settings = {}): () => Workbench {
  const editor = vscode({ "copydecode.python": PYTHON, ...machine });
  let workbench: Workbench | undefined;
  beforeAll(async () => {
    workbench = await Workbench.open(editor(), opening);
  });
  return () => workbench ?? unreachable();
}

/** Begins with a VS Code in which nothing is open. */
export function vscode(machine: Settings): () => Editor {
  let editor: Editor | undefined;
  beforeAll(async () => {
    editor = await Editor.start({ "pyflakes.python": PYTHON, ...machine });
  });
  beforeEach(({ task, onTestFailed }) => {
    onTestFailed(() => editor?.keepEvidence(task.name));
  });
  afterAll(() => editor?.stop());
  return () => editor ?? unreachable();
}

function unreachable(): never {
  throw new Error("only journeys may ask for it");
}
