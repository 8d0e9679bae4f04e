/**
 * Where the text of an edit lies once it is in the document. Pure: positions and text alone.
 */

/** A place in a document, from 0, in UTF-16 units as the editor counts. */
export interface Place {
  line: number;
  character: number;
}

/** One change of a document: a range, and what takes its place. */
export interface Change {
  start: Place;
  end: Place;
  text: string;
}

/** A range of a document. */
export interface Span {
  start: Place;
  end: Place;
}

/**
 * Returns where the new texts of changes lie after all were applied at once, in their order in the
 * document. The ranges are those of the document before; none overlap. A change that only deletes
 * has an empty span.
 */
export function landed(changes: readonly Change[]): Span[] {
  const inOrder = [...changes].sort((a, b) => compare(a.start, b.start) || compare(a.end, b.end));
  const spans: Span[] = [];
  let lines = 0; // By how many lines what follows has moved.
  let shift = 0; // By how many characters the rest of `line` has.
  let line = -1; // The line, of the document before, in which the last change ended.
  for (const { start, end, text } of inOrder) {
    const begins: Place = {
      line: start.line + lines,
      character: start.character + (start.line === line ? shift : 0),
    };
    const added = text.split(/\r\n|\r|\n/);
    const last = added.at(-1) ?? "";
    const ends: Place = {
      line: begins.line + added.length - 1,
      character: (added.length === 1 ? begins.character : 0) + last.length,
    };
    spans.push({ start: begins, end: ends });
    lines = ends.line - end.line;
    shift = ends.character - end.character;
    line = end.line;
  }
  return spans;
}

function compare(a: Place, b: Place): number {
  return a.line - b.line || a.character - b.character;
}
