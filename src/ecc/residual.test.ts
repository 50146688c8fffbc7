import { describe, expect, it } from "vitest";
import { QtamlError } from "../errors.ts";
import { uniformStream } from "../stats/random.ts";
import { codeNamed } from "./named.ts";
import { binomialTail, residualChannel } from "./residual.ts";
import type { BitChannel, WordCode } from "./code.ts";
import { capacity, shannonFloor } from "./capacity.ts";

const bitsOf = (value: number, count: number) =>
  Uint8Array.from({ length: count }, (_, i) => (value >> i) & 1);

/** Every data word under every error pattern. */
function enumerated(code: WordCode, { p01, p10 }: BitChannel): BitChannel {
  const wrong = [0, 0];
  for (let d = 0; d < 2 ** code.dataBits; d++) {
    const data = bitsOf(d, code.dataBits);
    const word = code.encode(data);
    for (let e = 0; e < 2 ** code.wordBits; e++) {
      let probability = 1;
      const read = word.map((bit, j) => {
        const flips = (e >> j) & 1;
        const p = bit === 0 ? p01 : p10;
        probability *= flips === 1 ? p : 1 - p;
        return bit ^ flips;
      });
      code.decode(read).data.forEach((bit, i) => {
        if (bit !== data[i]) wrong[data[i]!]! += probability;
      });
    }
  }
  // Half of all data bits hold each value.
  const bits = (2 ** code.dataBits * code.dataBits) / 2;
  return { p01: wrong[0]! / bits, p10: wrong[1]! / bits };
}

describe("residualChannel", () => {
  it.each(["sec(7,4)", "secded(8,4)", "sec(3,1)", "sec(5,2)", "secded(4,1)"])(
    "says where rare errors of unequal cells are estimated: %s",
    (name) => {
      const code = codeNamed(name);
      const channel = { p01: 0, p10: 1e-7 };
      const found = residualChannel(code, channel);
      const truth = enumerated(code, channel);
      const isRight =
        Math.abs(found.p10 / truth.p10 - 1) < code.wordBits * 1e-6 && (found.p01 === 0) === (truth.p01 === 0);
      // Exactly those whose dual code has a word of two or three bits are wrong.
      expect([found.kind, isRight]).toEqual(name.endsWith("4)") ? ["exact", true] : ["estimate", false]);
      expect(residualChannel(code, { p01: 1e-7, p10: 1e-7 }).kind).toBe("exact");
    },
  );

  it.each([
    "sec(7,4)",
    "secded(8,4)",
    "sec(6,3)",
    "repetition(5)",
    "parity(5,4)",
    "bch(7,4,1)",
    "bch(10,2,2)",
  ])("agrees with every word under every error pattern: %s", (name) => {
    const code = codeNamed(name);
    for (const channel of [
      { p01: 0.1, p10: 0.1 },
      { p01: 0.02, p10: 0.17 },
      { p01: 0.4, p10: 0 },
    ]) {
      const found = residualChannel(code, channel);
      const truth = enumerated(code, channel);
      expect(found.kind).toBe("exact");
      expect(found.p01).toBeCloseTo(truth.p01, 12);
      expect(found.p10).toBeCloseTo(truth.p10, 12);
    }
  });

  it.each([
    ["secded(72,64)", { p01: 0.005, p10: 0.02 }, 4000],
    ["zero-space(64,57)", { p01: 0.01, p10: 0.01 }, 4000],
    ["bch(63,45,3)", { p01: 0.06, p10: 0.06 }, 4000],
    ["bch(127,71,9)", { p01: 0.08, p10: 0.08 }, 1500],
  ] as const)("agrees with encoded, faulted and decoded words: %s", (name, channel, words) => {
    const code = codeNamed(name);
    const next = uniformStream(7);
    let sum = 0;
    let squares = 0;
    for (let w = 0; w < words; w++) {
      const data = Uint8Array.from({ length: code.dataBits }, () => (next() < 0.5 ? 0 : 1));
      const read = code
        .encode(data)
        .map((bit) => (next() < (bit === 0 ? channel.p01 : channel.p10) ? 1 - bit : bit));
      const wrong = code.decode(read).data.reduce((n, bit, i) => n + (bit === data[i] ? 0 : 1), 0);
      sum += wrong;
      squares += wrong * wrong;
    }
    const mean = sum / words;
    const sd = Math.sqrt((squares / words - mean * mean) / words);
    const { p01, p10, kind } = residualChannel(code, channel);
    // Four standard errors; an estimate may be off by another two per cent.
    const allowed = 4 * sd + (kind === "estimate" ? 0.02 * mean : 0);
    expect(Math.abs(mean - (code.dataBits * (p01 + p10)) / 2)).toBeLessThan(allowed);
  });

  it("keeps its digits where errors are rare", () => {
    const secded = codeNamed("secded(72,64)");
    // Two errors are noticed and stay: a data bit is wrong if it and one of 71 others are hit.
    const rare = residualChannel(secded, { p01: 1e-9, p10: 3e-9 });
    expect(rare.p01 / (71 * 1e-9 * 2e-9)).toBeCloseTo(1, 6);
    expect(rare.p10 / (71 * 3e-9 * 2e-9)).toBeCloseTo(1, 6);
    // On both sides of the change from the transform to pairs of errors: three errors weigh some 72 p.
    for (const name of ["secded(72,64)", "sec(38,32)", "secded(13,8)"]) {
      const code = codeNamed(name);
      const at = (p: number) => residualChannel(code, { p01: p, p10: p }).p01 / p ** 2;
      expect(at(1e-8) / at(2e-6)).toBeCloseTo(1, 3);
    }
  });

  it("agrees with published figures", () => {
    // SECDED(72,64) at 1e-3 with faults in the data bits alone masks 93.75 to 93.92 % of them (FaultForge,
    // reproduced). Four faults in a word, left out here, weigh 64^3 p^3 / 3! of a fault: below 5e-5.
    const code = codeNamed("secded(72,64)");
    const p = 1e-3;
    let wrong = 0;
    const word = new Uint8Array(72);
    const read = (faults: number) => {
      for (const bit of code.decode(word).data) wrong += bit * p ** faults * (1 - p) ** (64 - faults);
    };
    for (let a = 0; a < 64; a++) {
      word[a] = 1;
      for (let b = a + 1; b < 64; b++) {
        word[b] = 1;
        read(2);
        for (let c = b + 1; c < 64; c++) {
          word[c] = 1;
          read(3);
          word[c] = 0;
        }
        word[b] = 0;
      }
      word[a] = 0;
    }
    const masked = 1 - wrong / (64 * p);
    expect(masked).toBeGreaterThan(0.9375);
    expect(masked).toBeLessThan(0.9392);
    // Faults in the check bits, which a memory has too, cost 0.7 points more: 1 - (1 - p)^71 and what is misread.
    const { p01 } = residualChannel(code, { p01: p, p10: p });
    expect(p01 / p).toBeGreaterThan(1 - (1 - p) ** 71);
    expect(p01 / p).toBeLessThan(1 - (1 - p) ** 71 + 0.001);
    expect(residualChannel(codeNamed("repetition(3)"), { p01: 0.05, p10: 0.1 })).toMatchObject({
      p01: expect.closeTo(0.00725, 12) as number,
      p10: expect.closeTo(0.028, 12) as number,
    });
    expect(1 - binomialTail(72, 0.05, 2)).toBeCloseTo(0.119, 3);
    expect(1 - binomialTail(72, 0.1, 2)).toBeCloseTo(0.0046, 4);
  });
});

describe("codes", () => {
  it.each([
    "sec(38,32)",
    "secded(72,64)",
    "secded(39,32)",
    "secded(22,16)",
    "secded(13,8)",
    "bch(78,64,2)",
    "bch(255,187,9)",
    "bch(1023,943,8)",
    "repetition(7)",
    "zero-space(64,57)",
  ])("%s corrects t errors anywhere, check bits too, and satisfies its equations", (name) => {
    const code = codeNamed(name);
    const next = uniformStream(3);
    for (let trial = 0; trial < 20; trial++) {
      const data = Uint8Array.from({ length: code.dataBits }, () => (next() < 0.5 ? 0 : 1));
      const word = code.encode(data);
      for (const list of code.checks) expect(list.reduce((sum, j) => sum ^ word[j]!, 0)).toBe(0);
      expect(code.decode(word)).toEqual({ data, status: "clean" });
      const places = new Set<number>();
      while (places.size < code.corrects) places.add(Math.floor(next() * code.wordBits));
      for (const j of places) word[j]! ^= 1;
      expect(code.decode(word)).toEqual({ data, status: "corrected" });
    }
  });

  it("SECDED notices every pair of errors and reads some triples wrongly", () => {
    const code = codeNamed("secded(13,8)");
    let miscorrected = 0;
    for (let a = 0; a < 13; a++)
      for (let b = a + 1; b < 13; b++) {
        const word = new Uint8Array(13);
        word[a] = word[b] = 1;
        expect(code.decode(word).status).toBe("uncorrectable");
        for (let c = b + 1; c < 13; c++) {
          const triple = word.slice();
          triple[c] = 1;
          if (code.decode(triple).status === "corrected") miscorrected++;
        }
      }
    expect(miscorrected).toBeGreaterThan(0);
  });

  it.each(["bch(63,45,3)", "bch(127,106,3)"])(
    "of %s is estimated by the words of each weight, a share of which is taken for a neighbour",
    (name) => {
      const code = codeNamed(name);
      const { wordBits: n, dataBits: k, corrects: t } = code;
      let row = [1];
      for (let i = 0; i < n; i++)
        row = Array.from({ length: i + 2 }, (_, w) => (row[w - 1] ?? 0) + (row[w] ?? 0));
      const spheres = row.slice(0, t + 1).reduce((a, b) => a + b, 0) * 2 ** (k - n);
      const turned = (spheres * t) / n;
      for (const p of [0.02, 0.1]) {
        let wrong = 0;
        for (let w = t + 1; w <= n; w++)
          wrong += row[w]! * p ** w * (1 - p) ** (n - w) * ((w / n) * (1 - turned) + (1 - w / n) * turned);
        const { p01, p10, kind } = residualChannel(code, { p01: p, p10: p });
        expect(kind).toBe("estimate");
        // Some hundred terms, each of a few dozen roundings.
        expect(Math.abs(p01 / wrong - 1)).toBeLessThan(1e-11);
        expect(p10).toBe(p01);
      }
    },
  );

  it("refuses names that no code has", () => {
    for (const name of ["secded(72,65)", "bch(63,44,3)", "repetition(4)", "parity(9,7)", "turbo(3,1)"])
      expect(() => codeNamed(name)).toThrow(/exist|majority|no code/);
    // Four errors of seven bits leave no bit for data.
    for (const name of ["bch(7,0,4)", "bch(63,44,3)", "bch(1024,1000,2)"])
      expect(() => codeNamed(name)).toThrow(QtamlError);
  });
});

describe("capacity", () => {
  it("is 1 - h(p) for symmetric channels and that of the Z-channel", () => {
    expect(capacity({ p01: 0.1, p10: 0.1 })).toBeCloseTo(0.5310044, 7);
    expect(capacity({ p01: 0, p10: 0.5 })).toBeCloseTo(Math.log2(5) - 2, 12);
    expect(capacity({ p01: 0.3, p10: 0.7 })).toBe(0);
    expect(shannonFloor({ p01: 0.1, p10: 0.1 }, 0.1)).toBeCloseTo(1, 12);
  });

  it("is the greatest mutual information over inputs", () => {
    const channel = { p01: 0.02, p10: 0.3 };
    const h = (p: number) => -(p * Math.log2(p) + (1 - p) * Math.log2(1 - p));
    let best = 0;
    for (let q = 0.001; q < 1; q += 0.001) {
      const one = q * (1 - channel.p10) + (1 - q) * channel.p01;
      best = Math.max(best, h(one) - q * h(channel.p10) - (1 - q) * h(channel.p01));
    }
    expect(capacity(channel)).toBeCloseTo(best, 5);
  });
});
