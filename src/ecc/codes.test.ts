import { describe, expect, it } from "vitest";
import { binaryEntropy, shannonFloor } from "./capacity.ts";
import { numbersTo, type WordCode } from "./code.ts";
import { fieldOf } from "./field.ts";
import { codeNamed } from "./named.ts";
import { codeProtection, priceCodes } from "./price.ts";
import { binomialTail, residualChannel } from "./residual.ts";
import { zeroSpaceData, zeroSpaceWeights } from "./zero-space.ts";

const bitsOf = (value: number, count: number) =>
  Uint8Array.from({ length: count }, (_, i) => (value >> i) & 1);
const numberOf = (bits: ArrayLike<number>) => Array.from(bits).reduce((sum, bit, i) => sum + bit * 2 ** i, 0);
const ones = (value: number) => value.toString(2).replaceAll("0", "").length;
/** Data and codewords as numbers, bit 0 first. */
const codebook = (code: WordCode) =>
  numbersTo(2 ** code.dataBits).map((data) => ({
    data,
    word: numberOf(code.encode(bitsOf(data, code.dataBits))),
  }));
const read = (code: WordCode, word: number) => {
  const { data, status } = code.decode(bitsOf(word, code.wordBits));
  return `${status} ${numberOf(data)}`;
};

describe("fieldOf", () => {
  it.each([
    [3, 0b1011],
    [4, 0b10011],
    [8, 0b100011101],
  ])("goes through every element but 0 by multiplying by x: degree %d", (m, polynomial) => {
    const { power, bits, polynomial: own } = fieldOf(m, polynomial);
    expect([bits, own]).toEqual([m, polynomial]);
    const order = 2 ** m - 1;
    expect(new Set(numbersTo(order).map(power)).size).toBe(order);
    expect([power(0), power(1), power(m - 1), power(order)]).toEqual([1, 2, 2 ** (m - 1), 1]);
    // x^m is what the polynomial says: its lower terms.
    expect(power(m)).toBe(polynomial - 2 ** m);
    expect(power(order + m)).toBe(power(m));
  });
});

describe("decoders", () => {
  it.each(["sec(7,4)", "secded(8,4)", "bch(7,4,1)", "bch(12,4,2)", "bch(14,4,3)", "bch(4,1,1)"])(
    "%s reads every word as the codeword within t errors, and as none where there is none",
    (name) => {
      const code = codeNamed(name);
      const words = codebook(code);
      const wrong = numbersTo(2 ** code.wordBits).filter((word) => {
        const found = words.find((candidate) => ones(candidate.word ^ word) <= code.corrects);
        // Where no codeword is near the data bits are left as they are.
        const left = numberOf(code.dataPositions.map((j) => (word >> j) & 1));
        if (found === undefined) return read(code, word) !== `uncorrectable ${left}`;
        return read(code, word) !== `${found.word === word ? "clean" : "corrected"} ${found.data}`;
      });
      expect(wrong).toEqual([]);
    },
  );

  it.each([
    "sec(7,4)",
    "sec(6,3)",
    "secded(8,4)",
    "bch(15,7,2)",
    "repetition(3)",
    "repetition(5)",
    "parity(5,4)",
  ])("%s notices as many errors as it says, and its words lie as far apart as that takes", (name) => {
    const code = codeNamed(name);
    const words = codebook(code);
    // Linear: the least distance is the least weight. t errors are corrected, and `detects` never taken for others.
    const least = Math.min(...words.slice(1).map(({ word }) => ones(word ^ words[0]!.word)));
    expect(least).toBe(code.corrects + code.detects + 1);
    const patterns = numbersTo(2 ** code.wordBits).filter((e) => e > 0 && ones(e) <= code.detects);
    for (const { data, word } of words.slice(-8)) {
      expect(numberOf(code.dataPositions.map((j) => (word >> j) & 1))).toBe(data);
      const unnoticed = patterns.filter((e) =>
        ones(e) <= code.corrects
          ? read(code, word ^ e) !== `corrected ${data}`
          : !read(code, word ^ e).startsWith("uncorrectable"),
      );
      expect(unnoticed).toEqual([]);
    }
  });

  it("reads the majority of copies, and zeros where parity is odd", () => {
    const decode = (name: string, word: number[]) => {
      const { data, status } = codeNamed(name).decode(Uint8Array.from(word));
      return [[...data], status];
    };
    expect(decode("repetition(5)", [1, 1, 0, 1, 0])).toEqual([[1], "corrected"]);
    expect(decode("repetition(5)", [1, 0, 0, 1, 0])).toEqual([[0], "corrected"]);
    expect(decode("repetition(3)", [1, 1, 1])).toEqual([[1], "clean"]);
    expect(decode("repetition(3)", [0, 0, 0])).toEqual([[0], "clean"]);
    expect(decode("parity(4,3)", [1, 1, 1, 1])).toEqual([[1, 1, 1], "clean"]);
    expect(decode("parity(4,3)", [1, 1, 1, 0])).toEqual([[0, 0, 0], "uncorrectable"]);
    expect([...codeNamed("parity(4,3)").encode(Uint8Array.of(1, 0, 0))]).toEqual([1, 0, 0, 1]);
  });

  it("says by what a code is defined", () => {
    expect(codeNamed("bch(15,7,2)")).toMatchObject({
      name: "bch(15,7,2)",
      family: "bch",
      wordBits: 15,
      dataBits: 7,
      corrects: 2,
      detects: 2,
      parameters: { m: 4, polynomial: 0b10011, exponents: numbersTo(15) },
    });
    expect(codeNamed("bch(16,6,2)").parameters).toMatchObject({ m: 5, polynomial: 0b100101 });
    expect(codeNamed(" secded(72, 64) ")).toMatchObject({ name: "secded(72,64)", corrects: 1, detects: 2 });
    expect(codeNamed("sec(7,4)")).toMatchObject({ family: "sec", corrects: 1, detects: 1 });
    expect(codeNamed("repetition(7)")).toMatchObject({ family: "repetition", dataBits: 1, corrects: 3 });
    expect(codeNamed("parity(9,8)")).toMatchObject({
      family: "parity",
      dataBits: 8,
      corrects: 0,
      detects: 1,
    });
    expect(codeNamed(" zero-space(64,57) ")).toMatchObject({
      family: "zero-space",
      dataBits: 57,
      corrects: 1,
    });
  });

  it("takes for SECDED the columns of odd weight, the lightest first", () => {
    // Hsiao's (22,16): all 20 columns of three ones in six rows come before any of five.
    const { checks, wordBits } = codeNamed("secded(22,16)");
    const weights = numbersTo(wordBits).map((j) => checks.filter((list) => list.includes(j)).length);
    expect(weights).toEqual([...Array<number>(16).fill(3), ...Array<number>(6).fill(1)]);
    const all = codeNamed("secded(32,26)");
    expect(numbersTo(26).map((j) => all.checks.filter((list) => list.includes(j)).length)).toEqual([
      ...Array<number>(20).fill(3),
      ...Array<number>(6).fill(5),
    ]);
  });

  it.each([
    "secded(72,65)",
    "secded(4,4)",
    "secded(5,0)",
    "sec(4,5)",
    "sec(20,7)",
    "bch(63,44,3)",
    "bch(15,7,0)",
    "bch(15,0,7)",
    "bch(1024,1014,1)",
    "repetition(1)",
    "repetition(4)",
    "repetition(3,1)",
    "parity(9,7)",
    "parity(9)",
    "bch(63,45)",
    "secded(72,64,1)",
    "secded(72)",
    "turbo(3,1)",
    "turbo(9,8)",
    "turbo(63,45,3)",
    "sec(7,4) and more",
    "secded",
  ])("there is no code %s", (name) => {
    expect(() => codeNamed(name)).toThrow(/exist|majority|no code/);
  });

  it("knows the least words of every field, and the longest", () => {
    for (const name of ["bch(1023,1013,1)", "bch(511,502,1)", "sec(2047,2036)", "bch(4,1,1)", "sec(3,1)"]) {
      expect(codeNamed(name).name).toBe(name);
    }
  });
});

describe("zero-space words", () => {
  const weights = (first: number, last: number) => Int8Array.of(first, 0, -1, 63, -64, 17, -33, last);

  it("hold eight weights, of which the last is free", () => {
    for (let last = -128; last < 128; last += 5) {
      for (const first of [-64, 63, last >> 1]) {
        const stored = weights(first, last);
        const data = zeroSpaceData(stored);
        expect(data).toHaveLength(57);
        expect(zeroSpaceWeights(data)).toEqual(stored);
      }
    }
  });

  it("hold the bytes of the weights but for the bits that repeat the sign", () => {
    const stored = weights(-5, 100);
    const word = codeNamed("zero-space(64,57)").encode(zeroSpaceData(stored));
    const spare = new Set(numbersTo(7).map((byte) => 8 * byte + 6));
    const kept = numbersTo(64).filter((j) => !spare.has(j));
    expect(kept.map((j) => word[j])).toEqual(kept.map((j) => (stored[j >> 3]! >> (j & 7)) & 1));
  });

  it.each([
    [-65, "-65 is not"],
    [64, "64 is not"],
  ])("refuse %d where a bit has to be spare", (value, message) => {
    for (let place = 0; place < 7; place++) {
      const stored = new Int8Array(8);
      stored[place] = value;
      expect(() => zeroSpaceData(stored)).toThrow(message);
    }
    expect(zeroSpaceData(Int8Array.of(0, 0, 0, 0, 0, 0, 0, value))).toHaveLength(57);
    expect(() => zeroSpaceData(new Int8Array(7))).toThrow(/eight int8 weights/);
    expect(() => zeroSpaceData(new Int8Array(9))).toThrow(/eight int8 weights/);
  });
});

describe("the floor", () => {
  it("needs nothing where half of the bits may be wrong, and nothing is certain at 0 and 1", () => {
    const channel = { p01: 0.1, p10: 0.1 };
    expect([0.5, 0.6, 1].map((error) => shannonFloor(channel, error))).toEqual([0, 0, 0]);
    expect(shannonFloor(channel, 0.49)).toBeGreaterThan(0);
    expect(shannonFloor({ p01: 0.5, p10: 0.5 })).toBe(Infinity);
    expect([0, 1, -0.1, 1.1].map(binaryEntropy)).toEqual([0, 0, 0, 0]);
    expect(binaryEntropy(0.5)).toBe(1);
    expect(binaryEntropy(0.11)).toBeCloseTo(binaryEntropy(0.89), 14);
    // -p log2 p + p / ln 2 for small p, to p^2.
    expect(binaryEntropy(1e-9) / (1e-9 * (Math.log2(1e9) + 1 / Math.LN2))).toBeCloseTo(1, 8);
  });
});

describe("binomialTail", () => {
  it("is the sum over all outcomes, by enumeration", () => {
    for (const n of [1, 4, 9]) {
      for (const p of [0, 0.02, 0.3, 0.5, 0.97, 1]) {
        for (let least = -1; least <= n + 1; least++) {
          let sum = 0;
          for (let e = 0; e < 2 ** n; e++) {
            if (ones(e) >= least) sum += p ** ones(e) * (1 - p) ** (n - ones(e));
          }
          expect(binomialTail(n, p, least)).toBeCloseTo(sum, 12);
        }
      }
    }
    // The far tail keeps its digits: C(100, 5) p^5 to p of it.
    expect(binomialTail(100, 1e-8, 5) / (75_287_520 * 1e-40)).toBeCloseTo(1, 5);
  });
});

describe("priceCodes", () => {
  const price = (p: number, ...names: string[]) => priceCodes({ p01: p, p10: p }, names.map(codeNamed));

  it("counts the parity, what is left and what no code can do without", () => {
    const channel = { p01: 0.02, p10: 0.04 };
    const [triple] = priceCodes(channel, [codeNamed("repetition(3)")]);
    const left = (p: number) => 3 * p ** 2 - 2 * p ** 3;
    expect(triple).toMatchObject({
      code: "repetition(3)",
      wordBits: 3,
      dataBits: 1,
      parity: 2,
      residual: "exact",
    });
    expect(triple!.p01).toBeCloseTo(left(0.02), 12);
    expect(triple!.p10).toBeCloseTo(left(0.04), 12);
    const error = (left(0.02) + left(0.04)) / 2;
    expect(triple!.left).toBeCloseTo(error / 0.03, 12);
    expect(triple!.floor).toBeCloseTo(shannonFloor(channel, error), 12);
    expect(price(0, "repetition(3)")[0]).toMatchObject({ left: 1, verdict: "useless" });
    expect(price(0.01, "zero-space(64,57)")[0]!.parity).toBe(0);
    expect(codeProtection(codeNamed("zero-space(64,57)")).storedBits).toBe(1);
    expect(codeProtection(codeNamed("secded(72,64)")).storedBits).toBe(72 / 64);
  });

  it("calls a code dominated where another leaves no more for fewer bits, and not for its equal", () => {
    const verdicts = (rows: ReturnType<typeof price>) => rows.map(({ verdict }) => verdict);
    expect(verdicts(price(1e-3, "repetition(5)", "repetition(5)"))).toEqual(["useful", "useful"]);
    expect(verdicts(price(1e-3, "repetition(3)", "repetition(5)"))).toEqual(["useful", "useful"]);
    expect(verdicts(price(1e-3, "bch(15,7,2)", "repetition(3)"))).toEqual(["useful", "dominated"]);
    // As many bits, and less is left.
    expect(verdicts(price(1e-3, "repetition(3)", "bch(15,5,3)"))).toEqual(["dominated", "useful"]);
    expect(verdicts(price(1e-3, "parity(9,8)", "repetition(3)"))).toEqual(["useless", "useful"]);
  });
});

describe("residualChannel", () => {
  it("asks the transform for as many check bits as it can bear, and estimates from there on", () => {
    const kind = (name: string) => residualChannel(codeNamed(name), { p01: 0.01, p10: 0.01 }).kind;
    expect(kind("bch(31,21,2)")).toBe("exact");
    expect(kind("bch(63,45,3)")).toBe("estimate");
  });
});
