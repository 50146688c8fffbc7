import { describe, expect, it } from "vitest";
import { refusal } from "../../test/refusal.ts";
import type { Plan } from "./plan-types.ts";
import { parsePlan } from "./plan.ts";

const plan = {
  format: "qtaml-plan",
  version: 3,
  model: { name: "net.onnx", sha256: "ab".repeat(32) },
  storage: {
    format: "int8",
    granularity: "tensor",
    parameterFormat: "auto",
    biases: false,
    normalisation: false,
    quantisationParameters: false,
    integers: false,
    include: [],
    exclude: [],
  },
  policy: "tac",
  goal: { budget: 0.1 },
  protection: "ideal",
  seed: 3,
  storedBits: 160,
  protectedBits: 16,
  overhead: 0.1,
  predicted: { noise: 0.25, drift: null, marginalValue: 1e-3 },
  codebooks: [],
  shifts: [],
  tensors: [
    {
      name: "a",
      count: 12,
      format: "int8",
      p01: Array<number>(8).fill(0.1),
      p10: Array<number>(8).fill(0.05),
      segments: [
        { start: 0, count: 4, protectedMask: 0xc0, decoder: "none" },
        { start: 4, count: 8, protectedMask: 0x80, decoder: "unbiased-affine" },
      ],
    },
    {
      name: "b",
      count: 8,
      format: "int8",
      p01: Array<number>(8).fill(0),
      p10: Array<number>(8).fill(1),
      segments: [{ start: 0, count: 8, protectedMask: 0, decoder: "bayes" }],
    },
  ],
} as const satisfies Plan;

/** The plan with one field replaced; an undefined value removes it. */
function broken(path: string, value: unknown): unknown {
  const copy = structuredClone(plan) as unknown as Record<string, unknown>;
  const keys = path.split(".");
  let place = copy;
  for (const key of keys.slice(0, -1)) place = place[key] as Record<string, unknown>;
  if (value === undefined) delete place[keys.at(-1)!];
  else place[keys.at(-1)!] = value;
  return copy;
}

const failure = (value: unknown) => refusal(() => parsePlan(value, "my-plan.json"));

describe("parsePlan", () => {
  it("gives back what JSON holds", () => {
    expect(parsePlan(JSON.parse(JSON.stringify(plan)), "p")).toEqual(plan);
    const kept = broken("goal", { keep: 0.95, criterion: "agreement" });
    expect(parsePlan(kept, "p")).toEqual(kept);
  });

  it.each([
    ["format", "another-plan"],
    ["version", 4],
    ["model.sha256", "AB"],
    ["storage.granularity", "row"],
    ["policy", "best"],
    ["goal", { budget: 2 }],
    ["goal", { keep: 0.9 }],
    ["protection", "secded"],
    ["seed", -1],
    ["storedBits", 0],
    ["overhead", 1.5],
    ["predicted.noise", -1],
    ["predicted.drift", undefined],
    ["tensors", []],
    ["tensors.0.p01", [0.1]],
    ["tensors.0.p10.3", 1.01],
    ["tensors.1.segments", []],
    ["tensors.1.segments.0.protectedMask", 256],
    ["tensors.1.segments.0.decoder", "guess"],
    ["tensors.1.count", 8.5],
  ])("names %s when it is wrong", (path, value) => {
    const error = failure(broken(path, value));
    expect(error.code).toBe("invalid-schema");
    expect(error.message).toContain("my-plan.json");
    expect(error.message).toContain(path.split(".")[0]);
    expect(error.message.endsWith(".")).toBe(true);
    expect(error.message).not.toContain("\n");
  });

  it.each([
    ["tensors.1.segments.0.protectedMask", 256],
    ["tensors.0.p10.3", 1.01],
  ])("says where %s is, in whole", (path, value) => {
    expect(failure(broken(path, value)).message).toContain(` ${path}:`);
  });

  it("reads plans of version 1, which have no codebooks, and of version 2, which have no shifts", () => {
    const { shifts: _, ...second } = plan;
    expect(parsePlan({ ...second, version: 2 }, "p")).toEqual(plan);
    const { codebooks: __, ...first } = second;
    expect(parsePlan({ ...first, version: 1 }, "p")).toEqual(plan);
  });

  it("gives back shifts of biases", () => {
    const shifted = { ...plan, shifts: [{ layer: "y", values: [0.5, -0.25] }] };
    expect(parsePlan(JSON.parse(JSON.stringify(shifted)), "p")).toEqual(shifted);
    expect(failure({ ...shifted, shifts: [{ layer: "y", values: [] }] }).message).toContain("shifts");
  });

  const coded = {
    ...plan,
    codebooks: [{ table: Array.from({ length: 256 }, (_, code) => code / 100), gain: 1.1, offset: -0.02 }],
    tensors: [
      plan.tensors[0],
      {
        ...plan.tensors[1],
        scaling: "tensor",
        segments: [{ start: 0, count: 8, protectedMask: 0, decoder: "none", codebook: 0 }],
      },
    ],
  } as const satisfies Plan;

  it("refuses flip probabilities of two lengths", () => {
    const tensors = [{ ...plan.tensors[0], p10: [0.1, 0.1] }, plan.tensors[1]];
    expect(failure({ ...plan, tensors }).message).toContain("tensors.0.p10: 2 numbers for codes of 8 bits");
  });

  it("gives back codebooks, and takes those without an offset to have none", () => {
    expect(parsePlan(JSON.parse(JSON.stringify(coded)), "p")).toEqual(coded);
    const [{ table, gain }] = coded.codebooks;
    expect(parsePlan({ ...coded, codebooks: [{ table, gain }] }, "p").codebooks).toEqual([
      { table, gain, offset: 0 },
    ]);
  });

  it.each([
    ["no such codebook", { codebooks: [] }],
    ["a table of another width", { codebooks: [{ table: [0, 1, 2, 3], gain: 1 }] }],
    ["no scaling", { tensors: [coded.tensors[0], { ...coded.tensors[1], scaling: undefined }] }],
    [
      "a decoder beside the codebook",
      {
        tensors: [
          coded.tensors[0],
          { ...coded.tensors[1], segments: [{ ...coded.tensors[1].segments[0], decoder: "bayes" }] },
        ],
      },
    ],
  ])("refuses %s", (_, change) => {
    const error = failure({ ...coded, ...change });
    expect(error.code).toBe("invalid-schema");
    expect(error.message).toContain('tensor "b"');
  });

  /** Two bits of the first segment are held by a code each; the other segments need none. */
  const held = (codes: readonly unknown[], rest: object = {}) => ({
    ...plan,
    protection: "coded",
    parityBits: 12,
    ...rest,
    tensors: [
      {
        ...plan.tensors[0],
        segments: [{ ...plan.tensors[0].segments[0], codes }, plan.tensors[0].segments[1]],
      },
      plan.tensors[1],
    ],
  });
  const secded = (mask: number) => ({ mask, code: "secded(72,64)", p01: 1e-3, p10: 2e-3 });

  it("gives back which bits are held by which code", () => {
    const both = held([secded(0x80), { ...secded(0x40), code: "repetition(3)" }]);
    expect(parsePlan(JSON.parse(JSON.stringify(both)), "p")).toEqual(both);
    const dear = held([secded(0x80)], { overhead: 2.5 });
    expect(parsePlan(dear, "p")).toEqual(dear);
  });

  it.each<[string, unknown, RegExp]>([
    [
      "a bit that is not protected",
      held([secded(0x20)]),
      /tensors.0.segments.0.codes.0.mask: mask 32 has bits/,
    ],
    ["a bit of two codes", held([secded(0x80), secded(0xc0)]), /segments.0.codes.1.mask: mask 192 has bits/],
    ["no code in the list", held([]), /codes/],
    ["a code without bits", held([secded(0)]), /codes.0.mask/],
    ["a code without a name", held([{ ...secded(0x80), code: "" }]), /codes.0.code/],
    ["an impossible residual", held([{ ...secded(0x80), p01: 1.1 }]), /codes.0.p01/],
    ["no parity", held([secded(0x80)], { parityBits: undefined }), /parityBits: belongs to coded plans/],
    ["parity of an ideal plan", { ...plan, parityBits: 1 }, /parityBits: belongs to coded plans/],
    [
      "codes of an ideal plan",
      held([secded(0x80)], { protection: "ideal", parityBits: undefined }),
      / protection: is ideal, and yet codes hold bits/,
    ],
    ["more than all of an ideal plan", { ...plan, overhead: 1.01 }, /overhead: is above 1/],
    [
      "shifts of biases that are stored",
      { ...plan, storage: { ...plan.storage, biases: true }, shifts: [{ layer: "y", values: [1] }] },
      /shifts: are of biases/,
    ],
    ["a shift without numbers", { ...plan, shifts: [{ layer: "y", values: [] }] }, /shifts.0.values/],
    ["a gain of nothing", { ...coded, codebooks: [{ ...coded.codebooks[0], gain: 0 }] }, /codebooks.0.gain/],
  ])("refuses %s", (_, value, message) => {
    const { code, message: found } = failure(value);
    expect(code).toBe("invalid-schema");
    expect(found).toMatch(message);
  });

  it("takes what older plans do not say of the storage as it was then", () => {
    const { format, granularity } = plan.storage;
    expect(parsePlan({ ...plan, storage: { format, granularity } }, "p")).toEqual(plan);
    const biased = { ...plan, storage: { ...plan.storage, biases: true, include: ["conv*"] } };
    expect(parsePlan(biased, "p")).toEqual(biased);
  });

  it("gives back what a joint plan was checked by", () => {
    const check = { measure: "top-1", clean: 0.9, score: 0.88, low: 0.87, high: 0.89 };
    const folding = { gain: 0.01, low: 0, high: 0.02 };
    for (const own of [check, { ...check, folding }]) {
      const joint = {
        ...plan,
        policy: "joint",
        decoderClass: "table",
        predicted: { ...plan.predicted, check: own },
      };
      expect(parsePlan(joint, "p")).toEqual(joint);
    }
  });

  it.each(["extra", "model.extra", "tensors.0.extra", "tensors.0.segments.1.extra"])(
    "refuses the unknown key %s",
    (path) => expect(failure(broken(path, 1)).message).toContain("extra"),
  );

  it.each([
    ["a gap", "tensors.0.segments.1.start", 5, "at weight 4"],
    ["an overlap", "tensors.0.segments.1.start", 3, "at weight 4"],
    ["a late start", "tensors.1.segments.0.start", 1, "at weight 0"],
    ["missing weights", "tensors.0.segments.1.count", 7, "covers 11 of the 12"],
    ["too many weights", "tensors.1.segments.0.count", 9, "covers 9 of the 8"],
    ["another number of protected bits", "protectedBits", 15, "states 15 protected bits"],
  ])("refuses %s", (_, path, value, words) => {
    const error = failure(broken(path, value));
    expect(error.code).toBe("invalid-schema");
    expect(error.message).toContain(words);
  });

  it.each([null, 3, "plan", []])("refuses %j", (value) =>
    expect(failure(value).message).toContain("the whole file"),
  );
});
