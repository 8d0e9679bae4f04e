// Bundles the extension into dist/.
import { context } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { withPictures } from "./readme.mjs";

const watch = process.argv.includes("--watch");
const common = { bundle: true, minify: !watch, sourcemap: watch, logLevel: "info" };
rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
copyFileSync("../constraints.txt", "dist/constraints.txt"); // What `setUp` installs with.
const readme = readFileSync("README.md", "utf8");
writeFileSync("dist/README.md", withPictures(readme, ".", process.env.PICTURES));

// The client library is most of what there is, and no command needs it before a server was found: it
// is a bundle of its own, which the other one requires when it asks for it.
const LIBRARY = "vscode-languageclient/node";
const apart = {
  name: "library-apart",
  setup(build) {
    build.onResolve({ filter: new RegExp(`^${LIBRARY}$`) }, () => ({
      path: "./client.cjs",
      external: true,
    }));
  },
};
const inHost = { platform: "node", format: "cjs", target: "node20", external: ["vscode"] };

const builds = await Promise.all([
  context({
    ...common,
    entryPoints: ["src/extension.ts"],
    ...inHost,
    outfile: "dist/extension.cjs",
    plugins: [apart],
    supported: { "dynamic-import": false }, // A plain require, of which all exports are seen.
  }),
  context({
    ...common,
    ...inHost,
    entryPoints: { client: LIBRARY },
    outdir: "dist",
    outExtension: { ".js": ".cjs" },
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
