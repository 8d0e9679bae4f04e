import { describe, expect, it } from "vitest";
import { page } from "./page";

const html = page({
  script: "vscode-resource://ext/dist/latency.js",
  style: "vscode-resource://ext/dist/latency.css",
  cspSource: "vscode-resource:",
  nonce: "abc123",
});

describe("the page", () => {
  it("lets nothing in but its own style and the script with its nonce", () => {
    expect(html).toContain(
      `content="default-src 'none'; style-src vscode-resource:; script-src 'nonce-abc123'"`,
    );
    expect(html.match(/<script /g)).toHaveLength(1);
    expect(html).toContain('<script nonce="abc123" src="vscode-resource://ext/dist/latency.js">');
  });

  it("has no inline script or style, and nothing remote", () => {
    expect(html).not.toMatch(/\son\w+=|<style|\sstyle=|https?:\/\/|javascript:/);
    expect(html).not.toMatch(/<script[^>]*>[^<]/);
  });
});
