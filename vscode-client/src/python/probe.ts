/**
 * Asks a Python whether it has copydecode. Starts processes; knows nothing of VS Code.
 */

import { execFile } from "node:child_process";

/** What a Python said of itself; `copydecode` is the version that it has, null where it has none. */
export interface Found {
  python: string;
  version: readonly [number, number];
  copydecode: string | null;
}

/** Pythons that copydecode runs with. */
export const OLDEST: readonly [number, number] = [3, 11];

// The folder where a Python starts has no say in what it imports.
// The name `copydecode` alone says nothing: a package index has another project of that name.
const QUESTION = `
import sys
sys.path = [folder for folder in sys.path if folder]
import importlib.metadata, importlib.util, json
has = importlib.util.find_spec("copydecode_lsp") is not None
try:
    version = importlib.metadata.version("copydecode")
except importlib.metadata.PackageNotFoundError:
    version = "source"
said = {"version": sys.version_info[:2], "copydecode": version if has else None}
print(json.dumps({"python": sys.executable, **said}))
`;

const TIMEOUT_MS = 20_000;

/**
 * Asks the Python at a path, or by that name on the PATH; with arguments the one that a launcher starts
 * with them, which is then known by its own path.
 * @throws Error where it cannot be run or answers something else; the message says what.
 */
export async function ask(python: string, by: readonly string[] = []): Promise<Found> {
  const answer = await run(python, [...by, "-c", QUESTION], TIMEOUT_MS);
  try {
    const said = JSON.parse(answer) as Found;
    // Else by the path where it was found: what is there may be a script that starts a Python its way.
    return by.length > 0 ? said : { ...said, python };
  } catch {
    throw new Error(`${python} is no Python: it answered ${JSON.stringify(answer.slice(0, 80))}`);
  }
}

/** Returns whether a Python is new enough for copydecode. */
export function isNewEnough({ version: [major, minor] }: Found): boolean {
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** Returns the standard output of a command. */
function run(command: string, args: string[], timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout, windowsHide: true }, (error, stdout, stderr) => {
      if (error) {
        const said = stderr.trim().split("\n").at(-1);
        reject(new Error(said ? `${command}: ${said}` : error.message));
      } else {
        resolve(stdout);
      }
    });
  });
}
