/**
 * The document of the latency view, empty until its script is told of receipts, and what the two
 * sides tell each other. Pure.
 */

import type { Timed } from "../receipt";

/** What the page is told. */
export interface ToPage {
  type: "receipts";
  receipts: readonly Timed[];
}

/** What the page tells: that it listens, or that its button was pressed, which begins an edit. */
export interface FromPage {
  type: "ready" | "edit";
}

/** What a page loads: addresses that the webview can read, and what its policy lets them do. */
export interface Sources {
  script: string;
  style: string;
  /** The webview's own origin, as its policy names it. */
  cspSource: string;
  /** Random, another one for each page. */
  nonce: string;
}

/** Returns the document. It loads nothing from elsewhere and has no inline script or style. */
export function page({ script, style, cspSource, nonce }: Sources): string {
  const policy = `default-src 'none'; style-src ${cspSource}; script-src 'nonce-${nonce}'`;
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <link rel="stylesheet" href="${style}" />
    <title>AI edits: where the time went</title>
  </head>
  <body>
    <main id="latency"></main>
    <script nonce="${nonce}" src="${script}"></script>
  </body>
</html>
`;
}
