import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { buildModel } from "../../test/build-model.ts";
import { formatSafetensors, joinSafetensors } from "../../test/safetensors.ts";
import { QtamlError } from "../errors.ts";
import { makeNode } from "./graph.ts";
import { contentHash } from "./model.ts";
import { prepareModel } from "./prepare.ts";
import { openSafetensors, scanSafetensors, surveySafetensors } from "./safetensors.ts";
import { memorySource } from "../bytes/index.ts";
import { surveyOf } from "./survey.ts";
import { floatTensor } from "./tensor.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-safetensors-"));
afterAll(() => rmSync(folder, { recursive: true }));
const open = (name: string, content: Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return openSafetensors(path);
};

const bytesOf = (data: ArrayBufferView<ArrayBuffer>) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const numbers = (count: number, seed = 1) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed));

/** Weights that float16 and bfloat16 hold exactly: eight bits of mantissa, small exponents. */
const exact = Float32Array.from({ length: 12 }, (_, i) => (i - 6) / 8);
const bfloat16Bits = (values: Float32Array) =>
  Uint16Array.from(new Uint32Array(values.buffer, 0, values.length), (word) => word >>> 16);
const float16Bits = (values: Float32Array) =>
  Uint16Array.from(values, (v) => {
    if (v === 0) return 0;
    const exponent = Math.floor(Math.log2(Math.abs(v)));
    return (
      (v < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | Math.round((Math.abs(v) / 2 ** exponent - 1) * 1024)
    );
  });

const sample = () =>
  formatSafetensors(
    {
      "layer.bias": { dtype: "F32", shape: [3], bytes: bytesOf(numbers(3)) },
      "layer.weight": { dtype: "F32", shape: [5, 8], bytes: bytesOf(numbers(40)) },
      "half.weight": { dtype: "F16", shape: [3, 4], bytes: bytesOf(float16Bits(exact)) },
      "brain.weight": { dtype: "BF16", shape: [3, 4], bytes: bytesOf(bfloat16Bits(exact)) },
      "wide.weight": { dtype: "F64", shape: [3, 4], bytes: bytesOf(Float64Array.from(exact)) },
      steps: { dtype: "I64", shape: [1, 1], bytes: new Uint8Array(8) },
      flags: { dtype: "BOOL", shape: [2, 2], bytes: new Uint8Array(4) },
      empty: { dtype: "F32", shape: [0, 7], bytes: new Uint8Array(0) },
    },
    { format: "pt" },
  );

describe("weights without a graph", () => {
  it("are the floating-point tensors with two axes, stored as those of a model are", () => {
    const bytes = sample();
    const file = open("sample.safetensors", bytes);
    expect(file.metadata).toEqual({ format: "pt" });
    expect(file.sha256).toBe(contentHash(bytes));
    expect(file.tensors).toHaveLength(8);
    for (const granularity of ["tensor", "channel"] as const) {
      for (const format of ["int8", "int4-gray", "fp8-e4m3"]) {
        const surveyed = surveySafetensors(file, { format, granularity });
        expect(surveyed.map((t) => t.name)).toEqual([
          "layer.weight",
          "half.weight",
          "brain.weight",
          "wide.weight",
        ]);
        // Gemm with transB has its output channels along the first axis.
        const stored = (values: Float32Array, dims: readonly [number, number]) => {
          const model = buildModel({
            nodes: [makeNode("Gemm", ["x", "w"], ["y"], { transB: 1 })],
            initialisers: [floatTensor("w", dims, values)],
            inputs: { x: ["N", dims[1]] },
            outputs: ["y"],
          });
          return surveyOf(prepareModel(model, { format, granularity }).tensors[0]!);
        };
        const expected = [stored(numbers(40), [5, 8]), ...[1, 2, 3].map(() => stored(exact, [3, 4]))];
        surveyed.forEach((tensor, t) => {
          const { histogram, steps, infinityNorm, channelAxis, dims, count } = expected[t]!;
          expect(tensor).toMatchObject({ histogram, steps, infinityNorm, channelAxis, dims, count });
        });
      }
    }
  });

  it("can be chosen", () => {
    const file = open("chosen.safetensors", sample());
    const chosen = surveySafetensors(file, {}, ({ name }) => name.startsWith("layer"));
    expect(chosen.map((t) => t.name)).toEqual(["layer.bias", "layer.weight"]);
    expect(() => surveySafetensors(file, {}, () => false)).toThrow("has no weights");
  });

  it("that are not finite are named", () => {
    const values = numbers(40);
    values[23] = NaN;
    const parts = { w: { dtype: "F32", shape: [5, 8], bytes: bytesOf(values) } };
    expect(() => surveySafetensors(open("nan.safetensors", formatSafetensors(parts)))).toThrow(
      'Weight 23 of tensor "w" is NaN',
    );
  });
});

describe("damaged files", () => {
  const file = (header: unknown, data = 16) =>
    joinSafetensors(typeof header === "string" ? header : JSON.stringify(header), new Uint8Array(data));
  const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype = "F32") => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  });
  const hugeHeader = () => {
    const bytes = file({ a: entry(0, 16) });
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 63n, true);
    return bytes;
  };

  it.each([
    ["too short", new Uint8Array(9).fill(1), "it has 9 bytes"],
    ["an absurd header", hugeHeader(), "its header would have"],
    ["no brace", file(" {}", 0), "does not begin with a brace"],
    ["no JSON", file("{1}", 0), "is not JSON"],
    ["deep nesting", file("{".repeat(50_000), 0), "is not JSON"],
    ["an overlap", file({ a: entry(0, 16), b: entry(8, 16) }), '"b" of f overlaps'],
    ["a repeated range", file({ a: entry(0, 16), b: entry(0, 16) }), "overlaps"],
    ["a gap", file({ a: entry(0, 8), b: entry(12, 16) }), '"b" of f leaves a gap'],
    ["bytes left over", file({ a: entry(0, 12) }), "4 bytes that belong to no tensor"],
    ["a cut", file({ a: entry(0, 32) }), "is cut short"],
    ["an end before the beginning", file({ a: entry(16, 0, [4]) }), "of F32 asks for"],
    ["a wrong shape", file({ a: entry(0, 16, [5]) }), "asks for 20"],
    ["half a byte", file({ a: entry(0, 16, [33], "F4") }), "asks for 16.5"],
    ["an absurd shape", file({ a: entry(0, 16, [2 ** 40, 2 ** 40]) }), "asks for"],
    ["a negative size", file({ a: entry(0, 16, [-4]) }), "wrong at a.shape.0"],
    ["an unknown type", file({ a: entry(0, 16, [4], "F31") }), "wrong at a.dtype"],
    ["no offsets", file({ a: { dtype: "F32", shape: [4] } }), "wrong at a.data_offsets"],
    ["an unknown field", file({ a: { ...entry(0, 16), more: 1 } }), "wrong at a"],
    [
      "metadata that are no texts",
      file({ __metadata__: { n: 1 }, a: entry(0, 16) }),
      "wrong at __metadata__.n",
    ],
  ])("with %s are refused", (_, bytes, words) => {
    expect(() => scanSafetensors(memorySource(bytes), "f")).toThrow(QtamlError);
    expect(() => scanSafetensors(memorySource(bytes), "f")).toThrow(words);
  });

  it("end in a result or a clear error, whatever bytes change", () => {
    const good = sample();
    const headerEnd = 8 + Number(new DataView(good.buffer).getBigUint64(0, true));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(headerEnd), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat(good.byteLength)),
        (changes, cut) => {
          const bytes = good.slice(0, cut ?? undefined);
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          let outcome: unknown = "read";
          try {
            surveySafetensors({ name: "f", ...scanSafetensors(memorySource(bytes), "f") });
          } catch (error) {
            outcome = error instanceof QtamlError ? "refused" : error;
          }
          expect(["read", "refused"]).toContain(outcome);
        },
      ),
      { seed: 9, numRuns: 1500 },
    );
  });
});
