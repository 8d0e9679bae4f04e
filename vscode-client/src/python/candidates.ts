/** Which Pythons may have copydecode, in the order in which they are asked. */

import { existsSync, openSync, readSync, closeSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/** Where a Python is looked for; `from` says so in words. */
export interface Candidate {
  python: string;
  from: string;
  /** Arguments that have it start a Python, where it is none itself. */
  by?: readonly string[];
}

export const SELECTED = "the Python extension";

/** What there is to choose from; empty where it is not known. */
export interface Places {
  setting: string;
  /** The interpreter that the Python extension has selected. */
  selected: string;
  /** The PATH's folders, joined as the platform does. */
  path: string;
  /** The folder of the private environment. */
  environment: string;
}

/** Returns the Pythons to ask, each once; a setting stands alone: nothing is taken in its place. */
export function candidates(places: Places, platform: NodeJS.Platform): Candidate[] {
  if (places.setting) {
    return [{ python: places.setting, from: "the setting copydecode.python" }];
  }
  const found: Candidate[] = [];
  const add = (python: string | undefined, from: string, by?: readonly string[]): void => {
    if (python && !found.some((other) => other.python === python)) {
      found.push({ python, from, ...(by && { by }) });
    }
  };
  add(places.selected, SELECTED);
  const script = onPath(platform === "win32" ? "copydecode.exe" : "copydecode", places.path);
  add(script && behind(script, platform), "the command copydecode");
  for (const name of ["python3", "python"]) {
    add(onPath(platform === "win32" ? `${name}.exe` : name, places.path), "the PATH");
  }
  if (platform === "win32") {
    add(onPath("py.exe", places.path), "Python's launcher", ["-3"]);
  }
  const own = pythonOf(places.environment, platform);
  add(existsSync(own) ? own : undefined, "the environment that was set up");
  return found;
}

/** Returns the interpreter of a virtual environment. */
export function pythonOf(environment: string, platform: NodeJS.Platform): string {
  return platform === "win32"
    ? join(environment, "Scripts", "python.exe")
    : join(environment, "bin", "python");
}

function onPath(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

/** Returns the Python that a console script is run by; undefined where that cannot be read. */
function behind(script: string, platform: NodeJS.Platform): string | undefined {
  if (platform === "win32") {
    const beside = join(dirname(script), "python.exe");
    return existsSync(beside) ? beside : undefined;
  }
  try {
    const file = openSync(script, "r");
    try {
      const head = Buffer.alloc(8192); // A path may be long.
      const length = readSync(file, head, 0, head.length, 0);
      return interpreter(head.toString("utf8", 0, length));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined; // A folder, or somebody else's: the other candidates are asked.
  }
}

/**
 * Returns the absolute path of the Python that a script is run by; undefined where there is none, or a
 * program is to look for it. Where the path is too long for the first line, or has spaces, pip and uv
 * have a shell run the script, which hands it over in the second.
 */
export function interpreter(script: string): string | undefined {
  const [first = "", second = ""] = script.split(/\r?\n/, 2);
  const path = /^#!\s*(\/\S+)\s*$/.exec(first)?.[1];
  if (path !== "/bin/sh") {
    return path;
  }
  return /^'''exec' (["']?)(\/[^"']+?)\1 "\$0" "\$@"/.exec(second)?.[2];
}
