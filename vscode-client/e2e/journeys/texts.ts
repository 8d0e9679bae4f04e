/** Texts whose edits are easy for every model that is worth shipping. */

/** A misspelt name in line 8, column 12, whose right one stands close by. */
export const LEDGER = `"""Totals of a ledger."""


def total(items):
    result = 0
    for item in items:
        result += item.price
    return resultt


print(total([]))
`;
export const LEDGER_FIXED = LEDGER.replace("resultt", "result");
export const FIX = "Apply AI edit: fix undefined name 'resultt'";

/** Two misspelt names; nothing else is found. */
export const TWICE = `def total(items):
    result = 0
    for item in items:
        result += item.price
    return resultt


def largest(items):
    biggest = 0
    for item in items:
        biggest = max(biggest, item.price)
    return biggestt
`;
export const SECOND_FIXED = TWICE.replace("biggestt", "biggest");
export const TWICE_FIXED = SECOND_FIXED.replace("resultt", "result");

export const LINES = "a = 1\nb = 2\nc = 3\nd = 4\n";

/** 5,000 lines; a misspelt name in line 4003, column 12. */
export const LONG = Array.from(
  { length: 1000 },
  (_, n) => `def area_${n}(width, height):
    surface = width * height + ${n}
    return surface${n === 800 ? "e" : ""}


`,
).join("");
export const LONG_FIXED = LONG.replace("surfacee", "surface");

/** Line ends of Windows, characters outside of the BMP, tabs, no end of the last line. */
export const EMOJI = [
  "# 🎉 emoji",
  "def total(items):",
  "\tresult = sum(items)  # 😀😀",
  "\treturn resultt",
  "",
  "",
  "print(total([]), '🎉')",
].join("\r\n");
export const EMOJI_FIXED = EMOJI.replace("resultt", "result");

/** A function, and a snippet that says what is to be put into it, as a chat assistant would. */
export const MODULE = `import os


def area(width, height):
    surface = width * height
    print(surface)
    return surface


def volume(width, height, depth):
    surface = area(width, height)
    return surface * depth
`;
export const SNIPPET = `# ... existing code ...
def volume(width, height, depth):
    assert depth > 0
    surface = area(width, height)
# ... existing code ...
`;
export const MODULE_MERGED = MODULE.replace(
  "    surface = area(",
  "    assert depth > 0\n    surface = area(",
);
