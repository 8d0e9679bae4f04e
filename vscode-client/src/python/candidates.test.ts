import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { candidates, interpreter } from "./candidates";

const NOWHERE = { setting: "", selected: "", path: "", environment: "/nowhere" };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "candidates-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text = ""): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

describe("the Pythons that are asked", () => {
  it("are the setting's alone where there is one", () => {
    const places = { ...NOWHERE, setting: "/a/python", selected: "/b/python" };
    expect(candidates(places, "linux").map((one) => one.python)).toEqual(["/a/python"]);
  });

  it("are the selected one, that of the command, those on the PATH, then our own", () => {
    file("bin/copydecode", "#!/opt/env/bin/python3\nimport sys\n");
    const onPath = file("bin/python3");
    const own = file("own/bin/python");
    const places = {
      setting: "",
      selected: "/selected/python",
      path: join(folder, "bin"),
      environment: join(folder, "own"),
    };
    expect(candidates(places, "linux").map((one) => one.python)).toEqual([
      "/selected/python",
      "/opt/env/bin/python3",
      onPath,
      own,
    ]);
  });

  it("are found by a command whose first line has no room for their path", () => {
    const long = `/${"long/".repeat(200)}python3`;
    file("bin/copydecode", `#!/bin/sh\n'''exec' ${long} "$0" "$@"\n' '''\nimport sys\n`);
    const places = { ...NOWHERE, path: join(folder, "bin") };
    expect(candidates(places, "linux").map((one) => one.python)).toEqual([long]);
  });

  it("are each asked once", () => {
    const onPath = file("bin/python3");
    const places = { ...NOWHERE, selected: onPath, path: join(folder, "bin") };
    expect(candidates(places, "linux")).toHaveLength(1);
  });

  it("are still the others where the command cannot be read", () => {
    mkdirSync(join(folder, "bin", "copydecode"), { recursive: true });
    const onPath = file("bin/python3");
    const places = { ...NOWHERE, path: join(folder, "bin") };
    expect(candidates(places, "linux").map((one) => one.python)).toEqual([onPath]);
  });

  it("are none where there is nothing", () => {
    expect(candidates(NOWHERE, "linux")).toEqual([]);
  });
});

describe("on Windows", () => {
  it("are python3 and python on the PATH, and what the launcher starts", () => {
    const [python3, python, launcher] = ["python3.exe", "python.exe", "py.exe"].map((name) =>
      file(`bin/${name}`),
    );
    const places = { ...NOWHERE, path: join(folder, "bin") };
    expect(candidates(places, "win32")).toEqual([
      { python: python3, from: "the PATH" },
      { python, from: "the PATH" },
      { python: launcher, from: "Python's launcher", by: ["-3"] },
    ]);
  });
});

describe("the interpreter of a script", () => {
  const handedOver = (quoted: string) =>
    `#!/bin/sh\n'''exec' ${quoted} "$0" "$@"\n' '''\nimport sys\n`;

  it("is in its first line where that is a path", () => {
    expect(interpreter("#!/usr/bin/python3\nprint()\n")).toBe("/usr/bin/python3");
    expect(interpreter("#! /usr/bin/python3")).toBe("/usr/bin/python3");
  });

  it("is in the second where the shell hands it over", () => {
    expect(interpreter(handedOver("/a/b/python3"))).toBe("/a/b/python3");
    expect(interpreter(handedOver(`"/home/a b/python3"`))).toBe("/home/a b/python3");
    expect(interpreter(handedOver(`'/home/a b/python3'`))).toBe("/home/a b/python3");
  });

  it("is none where a program has to look for it", () => {
    expect(interpreter("#!/usr/bin/env python3\n")).toBeUndefined();
    expect(interpreter("#!/bin/sh\nexec python3 -m copydecode_lsp\n")).toBeUndefined();
    expect(interpreter(handedOver(`"$(dirname -- "$0")"/'python3'`))).toBeUndefined();
    expect(interpreter("MZ\x90")).toBeUndefined();
  });
});
