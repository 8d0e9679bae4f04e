// The README as it is packaged: with its pictures in it.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Returns a README with each picture that lies beside it as a `data:` address: VS Code's page of an
 * extension loads nothing from the extension's folder. Its newer versions show pictures of the web
 * alone, and the words in place of others: for them `published` is the address of a web server's folder
 * with the same pictures, which are then named there.
 * @throws Error where a picture is not there, is no PNG, or has no words.
 */
export function withPictures(markdown, folder, published) {
  return markdown.replace(/!\[([^\]]*)\]\(([^)\s]+)\)/g, (_, words, path) => {
    if (!words || !path.endsWith(".png")) {
      throw new Error(`expected a PNG and words that describe it, got ![${words}](${path})`);
    }
    const bytes = readFileSync(join(folder, path)).toString("base64");
    const at = published ? `${published}/${path}` : `data:image/png;base64,${bytes}`;
    return `![${words}](${at})`;
  });
}
