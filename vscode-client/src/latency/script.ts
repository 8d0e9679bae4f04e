/** Draws the receipts that the page is told of. All numbers are from `figures`. */

import { count, type Timed } from "../receipt";
import * as figures from "./figures";
import type { FromPage, ToPage } from "./page";

declare function acquireVsCodeApi(): { postMessage(message: FromPage): void };

const SVG = "http://www.w3.org/2000/svg";

/** How high the trend is drawn, and how wide an edit of it, in its own units. */
const TREND = { height: 60, step: 10, bar: 7 };

const editor = acquireVsCodeApi();
let newestFirst: readonly Timed[] = [];
/** The edit whose time is shown; undefined for the newest, whichever that is. */
let chosen: Timed | undefined;

window.addEventListener("message", ({ data }: MessageEvent<ToPage>) => {
  newestFirst = data.receipts;
  chosen = undefined;
  draw();
});
editor.postMessage({ type: "ready" });

function draw(): void {
  const main = document.getElementById("latency");
  const focused = document.activeElement?.id;
  const shown = chosen ?? newestFirst[0];
  main?.replaceChildren(...(shown ? filled(shown) : empty()));
  if (focused) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  }
}

function empty(): Node[] {
  const button = h("button", { type: "button", class: "begin" }, "Apply AI Edit…");
  button.addEventListener("click", () => editor.postMessage({ type: "edit" }));
  return [
    h(
      "div",
      { class: "empty" },
      h("p", {}, "No AI edit yet in this window."),
      h(
        "p",
        {},
        "Fix a diagnostic by its lightbulb, or put the cursor where something is to change and " +
          "say what. Then this view shows where the time went.",
      ),
      button,
    ),
  ];
}

function filled(shown: Timed): Node[] {
  return [
    h("div", { class: "sections" }, whereTheTimeWent(shown), counts(shown.receipt), trend(shown)),
    table(shown),
  ];
}

function whereTheTimeWent(shown: Timed): Node {
  const { receipt } = shown;
  const phases = figures.phases(shown);
  const bar = h("div", { class: "bar", "aria-hidden": "true" });
  for (const { key, name, ms, share } of phases) {
    const part = h("div", { class: `part ${key}`, title: `${name}: ${figures.time(ms)}` });
    part.style.flexGrow = String(share);
    bar.append(part);
  }
  const rows = phases.map(({ key, name, about, ms, share }) =>
    h(
      "tr",
      { title: about },
      h("th", { scope: "row" }, h("span", { class: `key ${key}`, "aria-hidden": "true" }), name),
      h("td", { class: "number" }, figures.time(ms)),
      h("td", { class: "number quiet" }, figures.percent(share)),
    ),
  );
  const known = figures.wasKnown(shown)
    ? [h("p", { class: "quiet" }, "It had been computed before it was asked for, as shown here.")]
    : [];
  return h(
    "section",
    { "aria-labelledby": "where" },
    h(
      "h2",
      { id: "where" },
      chosen ? "Where its time went" : "Where the time of the last edit went",
    ),
    h(
      "p",
      { class: "headline", role: "status" },
      h("strong", {}, figures.time(figures.took(shown))),
      ` ${shown.file}, ${figures.outcome(receipt)}`,
      ...(receipt.confidence === null || receipt.failed !== undefined
        ? []
        : [`, ${figures.percent(receipt.confidence)} sure`]),
    ),
    ...known,
    bar,
    h(
      "table",
      { class: "phases" },
      h("caption", { class: "unseen" }, "Phases of the edit, their time and share"),
      h("tbody", {}, ...rows),
    ),
  );
}

function counts(receipt: Timed["receipt"]): Node {
  const { copied, written } = figures.tokens(receipt);
  const most = Math.max(receipt.output_tokens, receipt.forwards, 1);
  const read = receipt.prompt_tokens - receipt.reused_tokens;
  return h(
    "section",
    { "aria-labelledby": "counts" },
    h("h2", { id: "counts" }, "Tokens and forwards"),
    h(
      "dl",
      {},
      ...measure("Tokens copied", copied, most, "copied"),
      ...measure("Tokens generated", written, most, "generated"),
      ...(receipt.remote ? [] : measure("Forwards", receipt.forwards, most, "forwards")),
      ...measure("Forwards of plain decoding", receipt.output_tokens, most, "plain"),
    ),
    h("p", {}, figures.forwardsInWords(receipt)),
    h(
      "p",
      { class: "quiet" },
      `Read anew: ${read} of ${count(receipt.prompt_tokens, "prompt token")}. ` +
        `Guesses that were right: ${receipt.accepted_tokens} of ${receipt.drafted_tokens}.`,
    ),
  );
}

/** Returns a number with its name, and a bar of its part of `most`. */
function measure(name: string, value: number, most: number, kind: string): Node[] {
  const fill = h("div", { class: `fill ${kind}` });
  fill.style.width = `${(100 * value) / most}%`;
  return [
    h("dt", {}, name),
    h("dd", { class: "number" }, String(value)),
    h("dd", { class: "track", "aria-hidden": "true" }, fill),
  ];
}

function trend(shown: Timed): Node {
  const { edits, medianMs, slowestMs } = figures.trend(newestFirst);
  const { height, step, bar } = TREND;
  const width = figures.SHOWN * step;
  const scale = height / Math.max(slowestMs, 1);
  const bars = edits.map(({ timed, ms, end }, k) => {
    const tall = Math.max(ms * scale, 1);
    const place = { x: width - (edits.length - k) * step, y: height - tall };
    const drawn = svg("rect", {
      ...place,
      width: bar,
      height: tall,
      class: `edit ${end}${timed === shown ? " shown" : ""}`,
    });
    const title = svg("title", {});
    title.textContent = `${timed.file}: ${figures.time(ms)}, ${figures.outcome(timed.receipt)}`;
    drawn.append(title);
    return drawn;
  });
  const line = Number.isNaN(medianMs)
    ? []
    : [
        svg("line", {
          x1: 0,
          x2: width,
          y1: height - medianMs * scale,
          y2: height - medianMs * scale,
          class: "median",
        }),
      ];
  const drawing = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "none",
    class: "trend",
    "aria-hidden": "true",
  });
  drawing.append(...bars, ...line);
  const usual = Number.isNaN(medianMs) ? "none succeeded" : `median ${figures.time(medianMs)}`;
  return h(
    "section",
    { "aria-labelledby": "trend" },
    h("h2", { id: "trend" }, "Trend"),
    h(
      "p",
      { class: "headline" },
      `Last ${edits.length}: ${usual}, slowest ${figures.time(slowestMs)}`,
    ),
    drawing,
  );
}

/** What stands where there is no figure. */
const NONE = "–";

const COLUMNS = [
  ["Edit", ""],
  ["When", "wide"],
  ["Time", "number"],
  ["In the server", "number wide"],
  ["Forwards", "number"],
  ["Plain decoding", "number wide"],
  ["Copied", "number middling"],
  ["Generated", "number middling"],
  ["Sure", "number wide"],
  ["Outcome", "wide"],
] as const;

function table(shown: Timed): Node {
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  const rows = newestFirst.slice(0, figures.SHOWN).map((timed, k) => {
    const { receipt } = timed;
    const { copied, written } = figures.tokens(receipt);
    const choose = h(
      "button",
      {
        type: "button",
        id: `edit-${k}`,
        class: "choose",
        "aria-pressed": String(timed === shown),
        title: "Show where its time went",
      },
      timed.file,
    );
    choose.addEventListener("click", () => {
      chosen = timed === newestFirst[0] ? undefined : timed;
      draw();
      window.scrollTo({ top: 0 }); // To what has changed; the focus stays with the edit.
    });
    const values = [
      clock.format(timed.at),
      figures.time(figures.took(timed)),
      figures.time(figures.serverMs(receipt)),
      String(receipt.forwards),
      ...(receipt.output_tokens === 0
        ? [NONE, NONE, NONE]
        : [receipt.output_tokens, copied, written].map(String)),
      receipt.confidence === null ? NONE : figures.percent(receipt.confidence),
      figures.outcome(receipt),
    ];
    return h(
      "tr",
      { class: figures.ended(receipt) },
      h("th", { scope: "row" }, choose),
      ...values.map((value, column) => h("td", { class: COLUMNS[column + 1]?.[1] ?? "" }, value)),
    );
  });
  return h(
    "section",
    { "aria-labelledby": "edits" },
    h("h2", { id: "edits" }, "Last edits"),
    h(
      "table",
      { class: "edits", "aria-labelledby": "edits" },
      h(
        "thead",
        {},
        h("tr", {}, ...COLUMNS.map(([name, kind]) => h("th", { scope: "col", class: kind }, name))),
      ),
      h("tbody", {}, ...rows),
    ),
  );
}

/** Returns an element with attributes and children; text is text, never markup. */
function h(
  tag: string,
  attributes: Record<string, string>,
  ...children: (Node | string)[]
): HTMLElement {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function svg(tag: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, String(value));
  }
  return element;
}
