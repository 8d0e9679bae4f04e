/** The server on the scripted engine of tests/server, for what needs an edit that is slow, or fails. */

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PYTHON, REPOSITORY } from "./editor";

export interface Scripted {
  /** What the setting `copydecode.python` names: a Python that serves with the scripted engine. */
  python: string;
  /** The process of the server that was started last. */
  pid(): number | undefined;
  remove(): void;
}

export function scripted(): Scripted {
  const folder = mkdtempSync(join(tmpdir(), "copydecode-scripted-"));
  const python = join(folder, "python");
  const pid = join(folder, "pid");
  writeFileSync(
    python,
    `#!/bin/sh
case "$*" in
  *"-m copydecode_lsp serve"*)
    echo $$ > '${pid}'
    cd '${REPOSITORY}' && exec '${PYTHON}' -m tests.server.fake_server ;;
  *) exec '${PYTHON}' "$@" ;;
esac
`,
  );
  chmodSync(python, 0o755);
  return {
    python,
    pid: () => (existsSync(pid) ? Number(readFileSync(pid, "utf8")) : undefined),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
