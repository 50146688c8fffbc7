/** @file Sentences that repeat a number say what the table or output says that it comes from. */
import { describe, expect, it } from "vitest";
import { quotations } from "../regenerate/quotations.ts";
import { findPassages, requote, type Quotation } from "../regenerate/quote.ts";
import { documentText, partsOf } from "./documents.ts";

describe("a sentence that repeats numbers", () => {
  it.each(quotations)("$document: $says", (quotation) => {
    const document = documentText(quotation.document);
    const found = requote(quotation, document, documentText(quotation.source));
    const told =
      "problem" in found
        ? found.problem
        : found.document === document
          ? undefined
          : `${quotation.document} says otherwise than ${quotation.source}: npm run docs:quotations puts it right.`;
    expect(told).toBeUndefined();
  });
});

describe("README.md", () => {
  it("repeats no figure that is not held to where it comes from", () => {
    const found = quotations
      .filter(({ document }) => document === "README.md")
      .flatMap(({ says }) => findPassages(documentText("README.md"), says))
      .reduce((text, passage) => text.replace(passage.text, ""), partsOf(documentText("README.md")).prose);
    // What is asked for, and what the literature reports.
    const given = new Set(["95 %", "3.4 to 33.6 times"]);
    const left = found.match(/\d[\d.]*(?: to \d[\d.]*)? (?:%|times)/g) ?? [];
    expect(left.filter((figure) => !given.has(figure))).toEqual([]);
  });
});

describe("quotations", () => {
  const quotation: Quotation = {
    document: "a.md",
    says: "{tac} % instead of {uniform} %, {times} times less, {bits} bits",
    source: "b.md",
    where: ["| `vgg` | {uniform} % ({*}) | {tac} % |", "all: {bits} bits"],
    as: ({ uniform, tac }) => ({ times: uniform! / tac! }),
  };
  const source =
    "| `lenet` | 45.1 % (43 to 47) | 27.1 % |\n| `vgg` | 44.9 % (44 to 47) | 4.64 % |\nall: 1234567 bits\n";

  it("are filled to the digits that they have", () => {
    const before = "So 5.0 % instead of 40\n%, 8.0 times less, 1,000,000 bits are enough.";
    expect(requote(quotation, before, source)).toEqual({
      document: "So 4.6 % instead of 45\n%, 9.7 times less, 1,234,567 bits are enough.",
    });
  });

  it("stay as they are where they are true", () => {
    const before = "So 4.64 % instead of 45 %, 9.68 times less, 1234567 bits are enough.";
    expect(requote(quotation, before, source)).toEqual({ document: before });
  });

  it("are complained of where a passage is missing, there twice, or says two things", () => {
    expect(requote(quotation, "Nothing.", source)).toHaveProperty("problem");
    expect(requote(quotation, "4 % instead of 45 %, 9 times less, 1 bits", "")).toHaveProperty("problem");
    const bits: Quotation = { document: "a.md", says: "{n} bits", source: "b.md", where: ["{n} cells"] };
    expect(requote(bits, "1 bits, 2 bits", "1 cells")).toHaveProperty("problem");
    expect(requote(bits, "1 bits", "1 cells, 2 cells")).toHaveProperty("problem");
    expect(requote(bits, "1 bits", "2 cells, 2 cells")).toEqual({ document: "2 bits" });
  });

  it("tell words that numbers no longer bear out", () => {
    const words: Quotation = {
      document: "a.md",
      says: "nine of ten",
      source: "b.md",
      where: ["{share} % of them"],
      holds: ({ share }) => share! >= 90,
    };
    expect(requote(words, "nine of ten", "90.6 % of them")).toEqual({ document: "nine of ten" });
    expect(requote(words, "nine of ten", "80 % of them")).toHaveProperty("problem");
  });
});
