import { describe, expect, it } from "vitest";
import {
  addressedStreams,
  asymmetricFlips,
  flipSampler,
  nextUint32,
  perBitFlips,
  symmetricFlips,
  type FlipProbabilities,
} from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { faultWord, parseFaults, usualFaults, type FaultDescription } from "./description.ts";
import { drawField } from "./field.ts";
import { mapCells } from "./layout.ts";
import { marginalFlips } from "./marginal.ts";
import { readWord } from "./mechanism.ts";
import { openFaults } from "./source.ts";

const describeFaults = (given: object): FaultDescription => parseFaults(given, "The test");

/** Codes of 40 weights of 8 bits and of 3 and 25 weights of 4 bits. */
const tensors = [
  { count: 40, bits: 8 },
  { count: 3, bits: 4 },
  { count: 25, bits: 4 },
].map(({ count, bits }, t) => {
  const state = addressedStreams({ seed: 5, trial: 0, tensor: t }, 99)(0);
  return { codes: Uint8Array.from({ length: count }, () => nextUint32(state) >>> (32 - bits)), bits };
});

const laws = (flips: (bits: number) => FlipProbabilities) => tensors.map((t) => flips(t.bits));

/** Flips of a chip, as a list of [tensor, weight, bit, stored bit, flipped]. */
function* bitsOf(chip: readonly { patterns: ArrayLike<number> }[]) {
  for (const [t, { codes, bits }] of tensors.entries()) {
    for (let w = 0; w < codes.length; w++) {
      for (let k = 0; k < bits; k++) {
        yield { t, w, k, stored: (codes[w]! >> k) & 1, flipped: (chip[t]!.patterns[w]! >> k) & 1 };
      }
    }
  }
}

const chips = 1500;

/**
 * Share of flips by stored bit, with its standard error from the spread between chips (cells of a chip may depend on
 * each other).
 */
function measured(given: object, flips: readonly FlipProbabilities[], stored: 0 | 1) {
  const source = openFaults(tensors, flips, describeFaults(given), 3);
  let [sum, squares] = [0, 0];
  for (let trial = 0; trial < chips; trial++) {
    let [held, asked] = [0, 0];
    for (const bit of bitsOf(source.draw({ trial, read: 0 }))) {
      if (bit.stored !== stored) continue;
      asked++;
      held += bit.flipped;
    }
    sum += held / asked;
    squares += (held / asked) ** 2;
  }
  const mean = sum / chips;
  return { mean, error: Math.sqrt((squares / chips - mean ** 2) / (chips - 1)) };
}

const models: [string, object][] = [
  ["independent flips", {}],
  ["bursts", { models: [{ model: "burst", length: 5 }], layout: { columns: 50 } }],
  ["bursts of one cell", { models: [{ model: "burst", length: 1 }], layout: { columns: 64 } }],
  [
    "bursts across bit planes",
    { models: [{ model: "burst", length: 3 }], layout: { order: "bit-planes", columns: 7 } },
  ],
  [
    "a thickness map",
    {
      models: [{ model: "thickness", sigmaNm: 0.05, slopePerNm: -23, correlation: 0.3 }],
      layout: { columns: 16 },
    },
  ],
  [
    "word lines that read at random",
    { models: [{ model: "word-line", rate: 0.05 }], layout: { columns: 20 } },
  ],
  [
    "word lines that read zeros",
    { models: [{ model: "word-line", rate: 0.05, reads: "zeros" }], layout: { columns: 20 } },
  ],
  ["cells stuck at one", { models: [{ model: "stuck-at", share: 0.02, value: 1 }] }],
  [
    "everything",
    {
      models: [
        { model: "stuck-at", share: 0.1, value: 0 },
        { model: "burst", length: 4 },
        { model: "word-line", rate: 0.2, reads: "ones" },
      ],
      layout: { columns: 24 },
    },
  ],
  ["independent flips over seven intervals", { intervals: 7 }],
  [
    "bursts over seven intervals",
    { models: [{ model: "burst", length: 5 }], intervals: 7, layout: { columns: 50 } },
  ],
  [
    "a thickness map over seven intervals",
    { models: [{ model: "thickness", sigmaNm: 0.05, slopePerNm: -23 }], intervals: 7 },
  ],
];

describe("marginal flip probabilities", () => {
  const memories: [string, (bits: number) => FlipProbabilities][] = [
    ["symmetric", (bits) => symmetricFlips(0.05, bits)],
    ["charge loss", (bits) => asymmetricFlips(0, 0.08, bits)],
    ["unequal", (bits) => asymmetricFlips(0.02, 0.06, bits)],
  ];
  describe.each(memories)("%s cells", (_, law) => {
    it.each(models)("%s", (_name, given) => {
      const flips = laws(law);
      const exact = marginalFlips(law(1), describeFaults(given));
      for (const stored of [0, 1] as const) {
        const { mean, error } = measured(given, flips, stored);
        const expected = (stored === 0 ? exact.p01 : exact.p10)[0]!;
        // 72 comparisons: 4.5 standard errors are left with probability 5e-4 in all.
        expect(Math.abs(mean - expected)).toBeLessThanOrEqual(4.5 * error + 1e-12);
      }
    });
  });

  it("holds bit by bit where bits differ", () => {
    const law = (bits: number) => perBitFlips(Array.from({ length: bits }, (_, k) => 0.01 * (k + 1)));
    const source = openFaults(
      tensors,
      laws(law),
      describeFaults({ models: [{ model: "burst", length: 3 }] }),
      9,
    );
    const flipped = new Float64Array(8);
    for (let trial = 0; trial < chips; trial++) {
      for (const bit of bitsOf(source.draw({ trial, read: 0 }))) {
        if (bit.t === 0) flipped[bit.k]! += bit.flipped;
      }
    }
    flipped.forEach((count, k) => {
      const p = 0.01 * (k + 1);
      // The same bit of neighbours is 8 cells away: bursts of 3 reach it seldom; at most twice the binomial variance.
      const deviation = Math.sqrt(2 * chips * 40 * p * (1 - p));
      expect(Math.abs(count - chips * 40 * p)).toBeLessThan(4.5 * deviation);
    });
  });
});

describe("bursts", () => {
  it("have geometric lengths: a hit is followed by another with probability 1 - 1/L", () => {
    const [length, columns] = [4, 80];
    const given = { models: [{ model: "burst", length }], layout: { columns } };
    const source = openFaults(
      tensors,
      laws((b) => symmetricFlips(0.05, b)),
      describeFaults(given),
      1,
    );
    const cells = mapCells(
      tensors.map(({ codes, bits }) => ({ count: codes.length, bits })),
      { columns, order: "weights" },
    );
    let [followed, hits] = [0, 0];
    for (let trial = 0; trial < chips; trial++) {
      const row = new Uint8Array(cells.cells);
      for (const { t, w, k, flipped } of bitsOf(source.draw({ trial, read: 0 }))) {
        row[cells.cellOf(t, w, k)] = flipped;
      }
      for (let i = 0; i + 1 < row.length; i++) {
        if (row[i] === 0 || (i + 1) % columns === 0) continue;
        hits++;
        followed += row[i + 1]!;
      }
    }
    const share = 1 - 1 / length;
    expect(Math.abs(followed / hits - share)).toBeLessThan(4.5 * Math.sqrt((share * (1 - share)) / hits));
  });

  it("are refused where they cannot be so frequent and so short", () => {
    const given = describeFaults({ models: [{ model: "burst", length: 1 }] });
    expect(() =>
      openFaults(
        tensors,
        laws((b) => asymmetricFlips(0.6, 0.6, b)),
        given,
        1,
      ),
    ).toThrow(/length of at least 1.50/);
  });
});

describe("the map of thicknesses", () => {
  it("has unit variance everywhere, and a correlation of 1/e at its length", () => {
    const xs = Float64Array.of(0, 0.13, 0.33, 0.58, 1);
    const out = new Float64Array(xs.length);
    const [n, squares] = [2000, new Float64Array(xs.length)];
    let product = 0;
    for (let trial = 0; trial < n; trial++) {
      const field = drawField(addressedStreams({ seed: 2, trial, tensor: 0 }, 42)(0), 0.25);
      field.along(0.4, xs, out);
      out.forEach((v, i) => (squares[i]! += v * v));
      product += out[2]! * out[3]!;
    }
    // The mean of n squares of normal numbers deviates by sqrt(2 / n).
    squares.forEach((s) => expect(Math.abs(s / n - 1)).toBeLessThan(4.5 * Math.sqrt(2 / n)));
    // Sampling, and 0.03 for splines that are not quite Gaussian and not quite stationary.
    expect(Math.abs(product / n - Math.exp(-1))).toBeLessThan(4.5 * Math.sqrt(1.14 / n) + 0.03);
  });

  it("has no step between the cells of its grid", () => {
    const correlation = 0.25;
    const step = correlation / Math.sqrt(4 / 3);
    const out = new Float64Array(1);
    const field = drawField(addressedStreams({ seed: 2, trial: 0, tensor: 0 }, 42)(0), correlation);
    const at = (x: number, y: number) => {
      field.along(y, Float64Array.of(x), out);
      return out[0]!;
    };
    for (let k = 1; k * step < 1; k++)
      for (const other of [0.1, 0.77]) {
        // A cubic spline of normal numbers of size 1 has slopes of a few units in a step.
        expect(Math.abs(at(k * step + 1e-9, other) - at(k * step - 1e-9, other))).toBeLessThan(1e-6);
        expect(Math.abs(at(other, k * step + 1e-9) - at(other, k * step - 1e-9))).toBeLessThan(1e-6);
      }
  });

  it("lies across the cells of a row", () => {
    const [rows, columns] = [40, 1024];
    const memory = [{ codes: new Uint8Array((rows * columns) / 8), bits: 8 }];
    const given = {
      models: [{ model: "thickness", sigmaNm: 1, slopePerNm: -20, correlation: 0.05 }],
      layout: { columns },
    };
    const source = openFaults(memory, [symmetricFlips(0.01, 8)], describeFaults(given), 4);
    let [unlike, pairs] = [0, 0];
    for (let trial = 0; trial < 10; trial++) {
      const [chip] = source.draw({ trial, read: 0 });
      for (let row = 0; row < rows; row++) {
        // Rates of exp(20 z): a tile of 256 cells flips by halves, or hardly at all.
        const isHit = (tile: number) => {
          const from = (row * columns) / 8 + tile * 32;
          return chip!.patterns.subarray(from, from + 32).filter((pattern) => pattern !== 0).length > 16;
        };
        pairs++;
        if (isHit(0) !== isHit(3)) unlike++;
      }
    }
    // Three quarters of a row are fifteen correlation lengths: half of the pairs differ, half of 400 with rows alike.
    expect(unlike / pairs).toBeGreaterThan(0.25);
    expect(unlike / pairs).toBeLessThan(0.75);
  });

  it("is refused where no rates make the flip probabilities", () => {
    const given = describeFaults({ models: [{ model: "thickness", sigmaNm: 0.1, slopePerNm: -20 }] });
    expect(() =>
      openFaults(
        tensors,
        laws((b) => asymmetricFlips(0.6, 0.6, b)),
        given,
        1,
      ),
    ).toThrow(/no rates/);
  });
});

describe("openFaults", () => {
  it.each(models)("%s: an address names one chip, in any order", (_, given) => {
    const open = () =>
      openFaults(
        tensors,
        laws((b) => symmetricFlips(0.05, b)),
        describeFaults(given),
        8,
      );
    const snapshot = (source: ReturnType<typeof open>, trial: number, read: number) =>
      source.draw({ trial, read }).map((t) => Uint8Array.from(t.patterns));
    const [one, other] = [open(), open()];
    const first = [snapshot(one, 1, 0), snapshot(one, 2, 0), snapshot(one, 1, 3)];
    const again = [snapshot(other, 1, 3), snapshot(other, 2, 0), snapshot(other, 1, 0)].reverse();
    expect(again[0]).toEqual(first[0]);
    expect(again[1]).toEqual(first[1]);
    expect(again[2]).toEqual(first[2]);
    expect(first[1]).not.toEqual(first[0]);
    expect(first[2]).not.toEqual(first[0]);
  });

  it("draws independent flips as the sampler does", () => {
    for (const p of [0.1, 1e-3]) {
      const flips = laws((b) => symmetricFlips(p, b));
      const chip = openFaults(tensors, flips, usualFaults, 17).draw({ trial: 4, read: 0 });
      tensors.forEach(({ codes }, t) => {
        const out = new Uint8Array(codes.length);
        flipSampler(flips[t]!).drawPatterns({ seed: 17, trial: 4, tensor: t }, codes, out);
        expect(chip[t]!.patterns).toEqual(out);
      });
    }
  });

  it("keeps what is stuck, and which word lines fail, from read to read", () => {
    const given = {
      models: [
        { model: "stuck-at", share: 0.05 },
        { model: "word-line", rate: 0.2, reads: "zeros" },
      ],
      layout: { columns: 32 },
    };
    const source = openFaults(
      tensors,
      laws((b) => symmetricFlips(0, b)),
      describeFaults(given),
      6,
    );
    const read = (r: number) => source.draw({ trial: 0, read: r }).map((t) => Uint8Array.from(t.patterns));
    expect(read(5)).toEqual(read(0));
    expect(read(0).some((t) => t.some((pattern) => pattern !== 0))).toBe(true);
  });

  it("has stuck cells win over word lines and word lines over flips, in whatever order they are named", () => {
    const flips = laws((b) => symmetricFlips(0.3, b));
    const bitsRead = (...models: object[]) =>
      Array.from(
        bitsOf(openFaults(tensors, flips, describeFaults({ models }), 3).draw({ trial: 0, read: 0 })),
        ({ stored, flipped }) => stored ^ flipped,
      );
    const stuck = { model: "stuck-at", share: 1, value: 1 };
    const failed = { model: "word-line", rate: 1, reads: "zeros" };
    const burst = { model: "burst", length: 3 };
    expect(new Set(bitsRead(stuck, burst))).toEqual(new Set([1]));
    expect(new Set(bitsRead(failed, burst))).toEqual(new Set([0]));
    expect(new Set(bitsRead(stuck, failed))).toEqual(new Set([1]));
    expect(new Set(bitsRead(failed, stuck, burst))).toEqual(new Set([1]));
  });

  it("tells reads, intervals and tensors apart up to 65,535", () => {
    const most = 2 ** 16 - 1;
    expect(readWord(most, most)).toBe(2 ** 32 - 1);
    expect(new Set([readWord(0, 1), readWord(1, 0), readWord(0, most), readWord(1, 1)]).size).toBe(4);
    expect(() => readWord(most + 1, 0)).toThrow(QtamlError);
    expect(() => readWord(0, most + 1)).toThrow(QtamlError);
  });

  it("lists the weights that are hit, where they are few", () => {
    const large = [{ codes: new Uint8Array(5000), bits: 8 }];
    const source = openFaults(large, [symmetricFlips(1e-3, 8)], usualFaults, 2);
    for (let trial = 0; trial < 5; trial++) {
      const [chip] = source.draw({ trial, read: 0 });
      const hit = Array.from(chip!.patterns.entries()).filter(([, pattern]) => pattern !== 0);
      expect(Array.from(chip!.touched!)).toEqual(hit.map(([weight]) => weight));
    }
  });
});

describe("mapCells", () => {
  it.each(["weights", "bit-planes"] as const)("%s: cells and bits are one to one", (order) => {
    const sizes = tensors.map(({ codes, bits }) => ({ count: codes.length, bits }));
    const cells = mapCells(sizes, { columns: 37, order });
    const place = { tensor: 0, weight: 0, bit: 0 };
    for (const cell of [...Array(cells.cells).keys(), 5, 400, 0]) {
      cells.locate(cell, place);
      expect(cells.cellOf(place.tensor, place.weight, place.bit)).toBe(cell);
    }
    expect(cells.rows).toBe(Math.ceil((40 * 8 + 28 * 4) / 37));
  });
});

describe("descriptions", () => {
  it("are words or JSON, with defaults", () => {
    expect(faultWord("burst:length=4")).toEqual({ name: "burst", parameters: { length: 4 } });
    expect(faultWord("stuck-at:share=1e-4,value=either").parameters).toEqual({
      share: 1e-4,
      value: "either",
    });
    expect(usualFaults).toEqual({
      models: [],
      layout: { columns: 1024, order: "weights" },
      regime: "quenched",
      reads: 8,
      intervals: 1,
    });
  });

  it("of words may have no parameters, and parameters of the cells", () => {
    for (const word of ["independent", "independent:"])
      expect(faultWord(word)).toEqual({ name: "independent", parameters: {} });
    expect(faultWord("layout:columns=512,order=bit-planes")).toEqual({
      name: "layout",
      parameters: { columns: 512, order: "bit-planes" },
    });
    for (const word of ["burst:length=4,more", "burst:=4", "burst:length=4:more", "burst:length=4=5", ""])
      expect(() => faultWord(word)).toThrow(QtamlError);
  });

  it.each(["reads", "intervals", "layout.columns"])("take whole numbers from 1 for %s", (path) => {
    const [outer = "", inner] = path.split(".");
    const given = (value: number) => ({ [outer]: inner === undefined ? value : { [inner]: value } });
    for (const value of [1, 2, 65_535]) expect(describeFaults(given(value))).toMatchObject(given(value));
    for (const value of [0, -1, 1.5]) expect(() => describeFaults(given(value))).toThrow(path);
  });

  it("are refused with the place and the remedy", () => {
    expect(() => faultWord("bursts:length=4")).toThrow(/burst:length=4/);
    expect(() => faultWord("burst:length")).toThrow(/not a fault model/);
    const twice = { models: [{ model: "independent" }, { model: "burst", length: 2 }] };
    expect(() => parseFaults(twice, "x.yaml")).toThrow(
      /^x.yaml .*\(at models\): independent and burst both say how bits flip/,
    );
    expect(() => parseFaults("burst", "x.yaml")).toThrow(/^x.yaml does not describe faults: /);
    expect(() => parseFaults({ models: [{ model: "burst" }] }, "x.yaml")).toThrow(/models.0.length/);
    expect(() => parseFaults({ colums: 3 }, "x.yaml")).toThrow(/colums/);
  });
});
