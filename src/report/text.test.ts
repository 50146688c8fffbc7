import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bitMarks, formatTable, plainText, shorten, sparkline, textBar, textWidth } from "./text.ts";

const escape = String.fromCharCode(27);

describe("formatTable", () => {
  const header = ["tensor", "weights", "score"];
  const rows = [
    ["conv1.weight", 150, 1.5e-7],
    ["features.0.block.conv.weight", 2400, 0.25],
  ];

  it("aligns words to the left and numbers to the right", () => {
    expect(formatTable(rows, { header })).toBe(
      [
        "tensor                        weights   score",
        "---------------------------------------------",
        "conv1.weight                      150  1.5e-7",
        "features.0.block.conv.weight     2400    0.25",
      ].join("\n"),
    );
  });

  it("cuts names in the middle where the terminal is narrow", () => {
    const lines = formatTable(rows, { header, width: 32 }).split("\n");
    expect(lines.every((line) => textWidth(line) <= 32)).toBe(true);
    expect(lines[3]).toContain("…");
    expect(lines[3]).toContain("2400");
  });

  it("becomes blocks where even that does not fit", () => {
    const text = formatTable(rows, { header, width: 20 });
    expect(text.split("\n\n")).toHaveLength(2);
    expect(text).toContain("weights  150");
    expect(text.split("\n").every((line) => textWidth(line) <= 20)).toBe(true);
  });

  it("never is wider than the terminal and never loses a number", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: "grapheme", maxLength: 60 }), fc.nat(999_999)), {
          minLength: 1,
          maxLength: 5,
        }),
        fc.integer({ min: 30, max: 120 }),
        (cells, width) => {
          const text = formatTable(
            cells.map(([name, n]) => [plainText(name), n]),
            { header: ["name", "count"], width },
          );
          for (const line of text.split("\n")) expect(textWidth(line)).toBeLessThanOrEqual(width);
          for (const [, n] of cells) expect(text).toContain(String(n));
        },
      ),
      { seed: 11, numRuns: 300 },
    );
  });

  it("colours through the palette only", () => {
    const palette = { heading: (t: string) => `<${t}>`, faint: (t: string) => t };
    expect(formatTable(rows, { header, palette }).split("\n")[0]).toMatch(/^<tensor .*>$/);
    expect(formatTable(rows, { header })).not.toContain(escape);
  });

  it("does not count colour sequences of cells", () => {
    const red = (text: string) => `${escape}[31m${text}${escape}[39m`;
    const cells = [
      [{ text: "red", colour: red }, 1],
      ["green", 22],
    ];
    const text = formatTable(cells);
    expect(text).toContain(red("red"));
    expect(text.split("\n").map((line) => textWidth(line))).toEqual([9, 9]);
    expect(formatTable(cells, { header: ["a long colour", "n"], width: 9 })).toContain(red("red"));
  });

  it("shows names from outside as one harmless line, in a table and in blocks", () => {
    const rude = [[`${escape}[31mw\nfc.weight\u009b2J`, 1]];
    const name = "\ufffd[31mw\ufffdfc.weight\ufffd2J";
    expect(formatTable(rude, { header: ["na\nme", "n"] }).split("\n")).toEqual([
      `${"na\ufffdme".padEnd(name.length)}  n`,
      "-".repeat(name.length + 3),
      `${name}  1`,
    ]);
    expect(formatTable(rude, { header: ["name", "number of weights"], width: 12 })).toBe(
      `name               ${shorten(name, 8)}\nnumber of weights  1`,
    );
  });
});

describe("texts", () => {
  it("measures wide and combining characters", () => {
    expect(textWidth("abc")).toBe(3);
    expect(textWidth("層")).toBe(2);
    expect(textWidth("e\u0301")).toBe(1);
  });

  it("shortens in the middle to the width asked for", () => {
    expect(shorten("abcdefghij", 5)).toBe("ab…ij");
    expect(shorten("short", 5)).toBe("short");
    expect(textWidth(shorten("層層層層層層", 6))).toBeLessThanOrEqual(6);
  });

  it("makes control characters and direction marks harmless", () => {
    expect(plainText(`a\u0007\n\u202eb${escape}[2J`)).toBe("a\ufffd\ufffd\ufffdb\ufffd[2J");
  });

  it("draws bars, sparklines and bits", () => {
    expect(textBar(0.5, 10)).toBe("#####-----");
    expect(textBar(0.001, 10)).toBe("#---------");
    expect(textBar(0.999, 10)).toBe("#########-");
    expect(textBar(1, 4)).toBe("####");
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe("▁▂▃▄▅▆▇█");
    expect(sparkline([2, NaN, 2])).toBe("▁ ▁");
    expect(bitMarks([0, 0, 0, 0, 0.3, 0.9, 1, 1])).toBe("##++....");
  });
});
