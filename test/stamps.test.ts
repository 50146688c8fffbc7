/** @file Pages that take hours say what they were made from: networks, data and settings that are still those of today. */
import { describe, expect, it } from "vitest";
import {
  beyondStamp,
  correctionStamp,
  resultsStamp,
  stampLine,
  stampOf,
  stampsIn,
  withStamp,
} from "../reproduce/stamp.ts";
import { documentPaths, documentText } from "./documents.ts";
import { isRunnable, slowStamp } from "./run-document.ts";

describe("stamps", () => {
  it.each([
    ["docs/results.md", "npm run reproduce", resultsStamp()],
    ["docs/beyond.md", "npm run bench:beyond", beyondStamp()],
    ["docs/correction.md", "npm run reproduce:correction", correctionStamp()],
  ])("%s is of the networks, data and settings of today, or %s makes it anew", (page, _, stamp) => {
    expect(stampsIn(documentText(page))).toEqual([stamp]);
  });

  const slow = documentPaths().filter((path) => isRunnable(documentText(path), { slow: true }));
  it.each(slow)("%s ran the slow blocks of today, or npm run docs:outputs -- --slow runs them", (path) => {
    const page = documentText(path);
    expect(stampsIn(page)).toEqual([slowStamp(page)]);
  });

  it("of slow blocks change with a command and with no other block", () => {
    const page = (seed: number) =>
      `\`\`\`console run\n$ a zoo/vgg.onnx\n\`\`\`\n\`\`\`console run slow\n$ b zoo/lenet.onnx ${seed}\nc\n\`\`\`\n`;
    expect(slowStamp(page(1))).not.toBe(slowStamp(page(2)));
    expect(slowStamp(page(1).replace("$ a", "$ d").replace("\nc\n", "\ne\n"))).toBe(slowStamp(page(1)));
  });

  it("change with a setting and with a file", () => {
    const files = ["zoo/lenet.onnx", "zoo/vgg.onnx"];
    const stamp = stampOf(files, { p: 0.1 });
    expect(stampOf(files.toReversed(), { p: 0.1 })).toBe(stamp);
    expect(stampOf(files, { p: 0.2 })).not.toBe(stamp);
    expect(stampOf(files.slice(1), { p: 0.1 })).not.toBe(stamp);
    expect(withStamp("a\n", stamp)).toBe(`a\n\n${stampLine(stamp)}\n`);
    expect(withStamp(withStamp("a\n", "0123456789abcdef"), stamp)).toBe(withStamp("a\n", stamp));
    expect(stampsIn(`a\n${stampLine(stamp)}\nb <!-- made from nothing -->\n`)).toEqual([stamp]);
  });
});
