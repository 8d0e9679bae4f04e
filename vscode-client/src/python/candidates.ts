/** Which Pythons may have copydecode, in the order in which they are asked. */

import { existsSync, openSync, readSync, closeSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/** Where a Python is looked for; `from` says so in words. */
export interface Candidate {
  python: string;
  from: string;
}

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
  const add = (python: string | undefined, from: string): void => {
    if (python && !found.some((other) => other.python === python)) {
      found.push({ python, from });
    }
  };
  add(places.selected, "the Python extension");
  const script = onPath(platform === "win32" ? "copydecode.exe" : "copydecode", places.path);
  add(script && behind(script, platform), "the command copydecode");
  for (const name of platform === "win32" ? ["python.exe"] : ["python3", "python"]) {
    add(onPath(name, places.path), "the PATH");
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
      const head = Buffer.alloc(512);
      readSync(file, head, 0, head.length, 0);
      return shebang(head.toString("utf8"));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined; // A folder, or somebody else's: the other candidates are asked.
  }
}

/** Returns the absolute path behind `#!`, undefined where there is none, or `env` is to look for one. */
export function shebang(script: string): string | undefined {
  const path = /^#!\s*(\/[^\r\n]*?)\s*(?:\r?\n|$)/.exec(script)?.[1];
  return path && !/\s/.test(path) ? path : undefined;
}
