import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { candidates, shebang } from "./candidates";

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

describe("the first line of a script", () => {
  it("names its Python where that is a path", () => {
    expect(shebang("#!/usr/bin/python3\nprint()\n")).toBe("/usr/bin/python3");
  });

  it("names none where a shell or env has to look for it", () => {
    expect(shebang("#!/usr/bin/env python3\n")).toBeUndefined();
    expect(shebang("MZ\x90")).toBeUndefined();
  });
});
