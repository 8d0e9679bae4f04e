import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { withPictures } from "./readme.mjs";

const PNG = Buffer.from("\x89PNG\r\n", "latin1").toString("base64");

describe("the packaged README", () => {
  const written = readFileSync("README.md", "utf8");
  const packaged = withPictures(written, ".");
  const named = [...written.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, path]) => path);

  it("has the very pictures that the README names, and nothing else is changed", () => {
    const carried = [...packaged.matchAll(/\(data:image\/png;base64,([^)]+)\)/g)];
    const pictures = carried.map(([, base64]) => base64);
    expect(named.length).toBeGreaterThan(0);
    expect(pictures).toEqual(named.map((path) => readFileSync(path, "base64")));
    expect(pictures.every((one) => one.startsWith(PNG))).toBe(true);
    const paths = [...named];
    expect(packaged.replaceAll(/data:image[^)]+/g, () => paths.shift())).toBe(written);
  });

  it("names the pictures on a web server where they are published", () => {
    const at = withPictures(written, ".", "https://example.invalid/copydecode");
    expect(at.replaceAll("https://example.invalid/copydecode/", "")).toBe(written);
    expect(at.match(/\(https:\/\/example.invalid\/copydecode\/media\//g)).toHaveLength(
      named.length,
    );
  });

  it("stays small", () => {
    const bytes = named.reduce((sum, path) => sum + readFileSync(path).length, 0);
    expect(bytes).toBeLessThan(250_000);
  });

  it("is not made where a picture is missing, or not described", () => {
    expect(() => withPictures("![words](media/none.png)", ".")).toThrow(/ENOENT/);
    expect(() => withPictures("![](media/fix.png)", ".")).toThrow(/words that describe it/);
    expect(() => withPictures("![words](media/icon.svg)", ".")).toThrow(/expected a PNG/);
  });
});

it("the project's README names pictures that are there", () => {
  const named = [...readFileSync("../README.md", "utf8").matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)];
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter(([, path]) => !existsSync(`../${path}`))).toEqual([]);
});
