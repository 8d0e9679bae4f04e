// Bundles the extension into dist/.
import { context } from "esbuild";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";

const watch = process.argv.includes("--watch");
const common = { bundle: true, minify: !watch, sourcemap: watch, logLevel: "info" };
rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
copyFileSync("../constraints.txt", "dist/constraints.txt"); // What `setUp` installs with.
const builds = await Promise.all([
  context({
    ...common,
    entryPoints: ["src/extension.ts"],
    outfile: "dist/extension.cjs",
    platform: "node",
    format: "cjs",
    target: "node20",
    external: ["vscode"],
  }),
  context({
    ...common,
    entryPoints: { latency: "src/latency/script.ts" },
    outdir: "dist",
    platform: "browser",
    format: "iife",
    target: "es2022",
  }),
  context({
    ...common,
    entryPoints: { latency: "src/latency/style.css" },
    outdir: "dist",
  }),
]);
if (watch) {
  await Promise.all(builds.map((build) => build.watch()));
} else {
  await Promise.all(builds.map((build) => build.rebuild()));
  await Promise.all(builds.map((build) => build.dispose()));
}
