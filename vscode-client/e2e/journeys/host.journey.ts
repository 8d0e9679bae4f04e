/** What needs no keys is checked inside of the extension host: ../host. */

import { build } from "esbuild";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PYFLAKES } from "../editor";
import { vscode } from "./session";
import * as texts from "./texts";

const editor = vscode({}, { forTests: true });

it("all claims hold inside of the extension host", async () => {
  const outfile = join(process.cwd(), "dist/e2e-host.cjs");
  await build({
    ...{ entryPoints: ["e2e/host/index.ts"], outfile, external: ["vscode"] },
    ...{ bundle: true, platform: "node", format: "cjs", target: "node20", logLevel: "warning" },
  });
  const files = { "ledger.py": texts.LEDGER, "lines.py": texts.LINES, "emoji.py": texts.EMOJI };
  const folder = editor().folder(files, { "copydecode.confirm": "never" });
  const { code, said } = await editor().runInHost(folder, outfile, PYFLAKES);
  console.log(said.join("\n"));
  expect(code).toBe(0);
}, 120_000);
