import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, isNewEnough } from "./probe";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "probe-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function script(text: string): string {
  const path = join(folder, "python");
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe.skipIf(process.platform === "win32")("a Python that is asked", () => {
  it("says which version it is, and whether it has copydecode", async () => {
    const python = script(`echo '{"version": [3, 12], "copydecode": "0.1.0"}'`);
    expect(await ask(python)).toEqual({ python, version: [3, 12], copydecode: "0.1.0" });
  });

  it("is known by its own path where a launcher starts it", async () => {
    const launcher = script(`[ "$1" = -3 ] && echo '{"python": "/a/python", "version": [3, 12]}'`);
    expect((await ask(launcher, ["-3"])).python).toBe("/a/python");
    await expect(ask(launcher)).rejects.toThrow();
  });

  it("is not found where there is none", async () => {
    await expect(ask(join(folder, "none"))).rejects.toThrow(/ENOENT/);
  });

  it("is none where it answers something else", async () => {
    await expect(ask(script("echo hello"))).rejects.toThrow(/is no Python: it answered "hello/);
  });

  it("tells its error's last line", async () => {
    const python = script("echo first >&2; echo 'ImportError: no json' >&2; exit 1");
    await expect(ask(python)).rejects.toThrow(/ImportError: no json/);
  });
});

describe("a Python's version", () => {
  it("has to be 3.11 or newer", () => {
    const found = (major: number, minor: number) =>
      isNewEnough({ python: "p", version: [major, minor], copydecode: null });
    expect([found(2, 7), found(3, 10), found(3, 11), found(3, 14), found(4, 0)]).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
  });
});
