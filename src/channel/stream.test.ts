import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aliasProbabilities, aliasTable, drawAlias } from "./alias.ts";
import { logComplement, naturalLog } from "./logarithm.ts";
import { philox4x32 } from "./philox.ts";
import { addressedStreams, nextUint32, nextUniform, type FlipAddress } from "./stream.ts";

describe("Philox4x32-10", () => {
  /** The known-answer vectors of the Random123 library: counter, key, output. */
  const vectors = [
    ["00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    ["ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"],
    ["243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"],
  ] as const;
  const words = (hex: string) => Uint32Array.from(hex.split(" "), (w) => Number.parseInt(w, 16));

  it.each(vectors)("of counter %s and key %s is %s", (counter, key, output) => {
    const out = new Uint32Array(4);
    philox4x32(words(key), words(counter), out);
    expect(out).toEqual(words(output));
  });

  it("agrees with 64-bit products", () => {
    const big = fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(big, (w) => {
        const mask = 0xffffffffn;
        let [a, b, c, d, k0, k1] = w.map(BigInt) as [bigint, bigint, bigint, bigint, bigint, bigint];
        for (let round = 0; round < 10; round++) {
          const [p, q] = [a * 0xd2511f53n, c * 0xcd9e8d57n];
          [a, b, c, d] = [(q >> 32n) ^ b ^ k0, q & mask, (p >> 32n) ^ d ^ k1, p & mask];
          [k0, k1] = [(k0 + 0x9e3779b9n) & mask, (k1 + 0xbb67ae85n) & mask];
        }
        const out = new Uint32Array(4);
        philox4x32(Uint32Array.from(w.slice(4)), Uint32Array.from(w.slice(0, 4)), out);
        expect([...out].map(BigInt)).toEqual([a, b, c, d]);
      }),
      { seed: 41, numRuns: 200 },
    );
  });
});

describe("addressed streams", () => {
  const first = (address: FlipAddress, block: number, purpose = 0) => {
    const state = addressedStreams(address, purpose)(block);
    return Array.from({ length: 4 }, () => nextUint32(state)).join(" ");
  };

  it("are xoshiro128**", () => {
    const state = Int32Array.of(1, 2, 3, 4);
    let [s0, s1, s2, s3] = [1n, 2n, 3n, 4n];
    const rotate = (x: bigint, by: bigint) => BigInt.asUintN(32, (x << by) | (x >> (32n - by)));
    for (let i = 0; i < 1000; i++) {
      const expected = BigInt.asUintN(32, rotate(BigInt.asUintN(32, s1 * 5n), 7n) * 9n);
      const shifted = BigInt.asUintN(32, s1 << 9n);
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= shifted;
      s3 = rotate(s3, 11n);
      expect(BigInt(nextUint32(state))).toBe(expected);
    }
  });

  it("start from Philox of (tensor, trial, block, purpose) under the seed", () => {
    const out = new Uint32Array(4);
    philox4x32(Uint32Array.of(0x89abcdef, 0x01234567), Uint32Array.of(7, 8, 9, 10), out);
    const state = addressedStreams({ seed: 0x0123456789abcdefn, tensor: 7, trial: 8 }, 10)(9);
    expect(Uint32Array.from(state)).toEqual(out);
  });

  it("depend on every part of the address, and on nothing else", () => {
    const address = { seed: 5, trial: 1, tensor: 2 };
    const others = [
      first({ ...address, seed: 6 }, 3),
      first({ ...address, seed: 5n + (1n << 32n) }, 3),
      first({ ...address, trial: 2 }, 3),
      first({ ...address, tensor: 1 }, 3),
      first(address, 4),
      first(address, 3, 1),
    ];
    expect(new Set([...others, first(address, 3)]).size).toBe(7);
    expect(first({ seed: 5n, trial: 1, tensor: 2 }, 3)).toBe(first(address, 3));
    const streams = addressedStreams(address);
    const [late, early] = [streams(3), streams(0)];
    expect(nextUint32(late)).toBe(Number(first(address, 3).split(" ")[0]));
    expect(nextUint32(early)).toBe(Number(first(address, 0).split(" ")[0]));
  });

  it("give uniforms in (0, 1] whose mean and correlation between neighbouring blocks are right to 5 sigma", () => {
    const streams = addressedStreams({ seed: 42, trial: 0, tensor: 0 });
    const blocks = 20_000;
    let [sum, product, previous] = [0, 0, 0];
    for (let block = 0; block < blocks; block++) {
      const u = nextUniform(streams(block));
      expect(u > 0 && u <= 1).toBe(true);
      sum += u - 0.5;
      product += (u - 0.5) * previous;
      previous = u - 0.5;
    }
    expect(Math.abs(sum)).toBeLessThan(5 * Math.sqrt(blocks / 12));
    expect(Math.abs(product)).toBeLessThan(5 * (Math.sqrt(blocks) / 12));
  });

  it("refuse addresses out of range", () => {
    const address = { seed: 1, trial: 0, tensor: 0 };
    for (const seed of [-1, 1.5, 2 ** 53, -1n, 1n << 64n]) {
      expect(() => addressedStreams({ ...address, seed })).toThrow(/Seed/);
    }
    expect(() => addressedStreams({ ...address, trial: 2 ** 32 })).toThrow(/trial number 4294967296/);
    expect(() => addressedStreams({ ...address, tensor: -1 })).toThrow(/tensor number -1/);
    expect(() => addressedStreams(address)(2 ** 32)).toThrow(/block number/);
    expect(() => addressedStreams(address, 0.5)).toThrow(/purpose number/);
    expect(addressedStreams({ ...address, seed: 0n })(3)).toEqual(
      addressedStreams({ ...address, seed: 0 })(3),
    );
  });
});

describe("alias tables", () => {
  const weights = fc
    .integer({ min: 1, max: 8 })
    .chain((bits) =>
      fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })), {
        minLength: 2 ** bits,
        maxLength: 2 ** bits,
      }),
    )
    .filter((list) => list.some((w) => w > 1e-3));

  it("realise each probability within the stated 2^-44, and zeros exactly", () => {
    fc.assert(
      fc.property(weights, (list) => {
        const total = list.reduce((a, b) => a + b, 0);
        aliasProbabilities(aliasTable(Float64Array.from(list))).forEach((p, i) => {
          expect(Math.abs(p - list[i]! / total)).toBeLessThan(2 ** -44);
          expect(list[i] === 0 && p !== 0).toBe(false);
        });
      }),
      { seed: 43, numRuns: 100 },
    );
  });

  it("draw what they realise, to 5 sigma", () => {
    const table = aliasTable(Float64Array.of(0.3, 0.1, 0.6, 0));
    const counts = [0, 0, 0, 0];
    const state = addressedStreams({ seed: 1, trial: 0, tensor: 0 })(0);
    const draws = 400_000;
    for (let i = 0; i < draws; i++) counts[drawAlias(table, state)]!++;
    [0.3, 0.1, 0.6].forEach((p, i) => {
      expect(Math.abs(counts[i]! - draws * p)).toBeLessThan(5 * Math.sqrt(draws * p * (1 - p)));
    });
    expect(counts[3]).toBe(0);
  });

  it("refuse what is not a distribution over 2 to 256 outcomes", () => {
    for (const list of [[1], [1, 1, 1], [0, 0], [NaN, 1], Array<number>(512).fill(1)]) {
      expect(() => aliasTable(Float64Array.from(list))).toThrow(RangeError);
    }
  });
});

describe("logarithms", () => {
  it("agree with Math.log to 4 units in the last place", () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -60, max: 1 - 2 ** -53, noNaN: true }), (x) => {
        expect(Math.abs(naturalLog(x) - Math.log(x))).toBeLessThanOrEqual(Math.abs(Math.log(x)) * 2 ** -50);
        const complement = Math.log1p(-x);
        expect(Math.abs(logComplement(x) - complement)).toBeLessThanOrEqual(Math.abs(complement) * 2 ** -50);
      }),
      { seed: 44, numRuns: 2000 },
    );
    expect([naturalLog(1), naturalLog(0), logComplement(0), logComplement(1)]).toEqual([
      0,
      -Infinity,
      -0,
      -Infinity,
    ]);
  });
});
