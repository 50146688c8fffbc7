import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildModel, fixture, fixtureNames } from "../../test/build-model.ts";
import { formatNames, numberFormat } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { surveyFloats } from "./counting.ts";
import { streamFloats } from "./floats.ts";
import { makeNode } from "./graph.ts";
import { prepareModel } from "./prepare.ts";
import type { ByteSource } from "../bytes/index.ts";
import { memorySource } from "../bytes/index.ts";
import { surveyModel, surveyOf, type SurveyedTensor } from "./survey.ts";
import { DataType, floatTensor, halfTensor, int8Tensor } from "./tensor.ts";

const numbers = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed) * Math.exp(Math.cos(i * 78.2)));

/** y = x w; "w" is the only tensor. */
const product = (dims: readonly [number, number], weights: Float32Array) =>
  buildModel({
    nodes: [makeNode("MatMul", ["x", "w"], ["y"])],
    initialisers: [floatTensor("w", dims, weights)],
    inputs: { x: ["N", dims[0]] },
    outputs: ["y"],
  });

/** What a survey gives, its zeros left out of the histograms; or the sentence it is refused with. */
function plain(make: () => SurveyedTensor[]): unknown {
  try {
    return make().map(({ format, histogram, ...rest }) => ({
      ...rest,
      format: format.name,
      counts: Array.from(histogram.entries()).filter(([, count]) => count > 0),
    }));
  } catch (error) {
    return error instanceof QtamlError ? error.message : error;
  }
}

describe("a survey", () => {
  it.each(fixtureNames)("of %s is what preparing it stores, but for the codes", (name) => {
    const { model } = fixture(name);
    for (const granularity of ["tensor", "channel"] as const) {
      const expected = prepareModel(model, { format: "int8", granularity }).tensors.map(surveyOf);
      expect(surveyModel(model, { format: "int8", granularity })).toEqual(expected);
    }
  });

  // Multiples of half a step are ties and their neighbours; the smallest numbers make steps that are too coarse.
  const weight = fc.oneof(
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc
      .tuple(fc.integer({ min: -254, max: 254 }), fc.constantFrom(1, 1 + 2 ** -23, 1 - 2 ** -24))
      .map(([halves, nudge]) => Math.fround((halves / 2) * nudge)),
    fc.integer({ min: -500, max: 500 }).map((n) => n * 2 ** -149),
  );

  it("counts exactly the codes that quantising makes, whatever the weights, format and grain", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...formatNames),
        fc.constantFrom("tensor" as const, "channel" as const),
        fc.integer({ min: 1, max: 40 }),
        fc.array(weight, { minLength: 1, maxLength: 80 }),
        fc.constantFrom(1, 127, 2 ** -20, 2 ** -126),
        (format, granularity, columns, values, scale) => {
          const rows = Math.ceil(values.length / columns);
          const weights = Float32Array.from({ length: rows * columns }, (_, i) =>
            Math.fround(values[i % values.length]! * scale),
          );
          fc.pre(weights.every(Number.isFinite));
          for (const dims of [
            [rows, columns],
            [columns, rows],
          ] as const) {
            const model = product(dims, weights);
            const options = { format, granularity };
            const counted = plain(() => surveyModel(model, options));
            expect(counted).toEqual(plain(() => prepareModel(model, options).tensors.map(surveyOf)));
          }
        },
      ),
      { seed: 5, numRuns: 300 },
    );
  });

  it("counts ties as quantising does: every half step of int8 and its float32 neighbours", () => {
    const word = new Int32Array(1);
    const float = new Float32Array(word.buffer);
    const norm = 0.7342;
    const step = Math.fround(Math.fround(norm) / 127);
    const values = [norm];
    for (let halves = -253; halves <= 253; halves++) {
      for (let nudge = -3; nudge <= 3; nudge++) {
        float[0] = (halves / 2) * step;
        word[0]! += nudge;
        if (halves !== 0) values.push(float[0]);
      }
    }
    const model = product([1, values.length], Float32Array.from(values));
    expect(surveyModel(model)).toEqual(prepareModel(model).tensors.map(surveyOf));
  });

  it("of channels that lie across pieces is that of the whole", () => {
    // 3 * 2^18 + 7 rows of 1: three pieces and a bit, with boundaries inside rows and between channels.
    const count = 3 * 2 ** 18 + 7 * 3;
    const weights = numbers(count, 1);
    const source = memorySource(new Uint8Array(weights.buffer));
    const hidden: ByteSource = {
      byteLength: source.byteLength,
      readInto: (offset, target) => source.readInto(offset, target),
    };
    for (const [dims, axis] of [
      [[count / 3, 3], 1],
      [[3, count / 3], 0],
      [[3, count / 3], 1],
      [[count / 21, 7, 3], 1],
      [[count], undefined],
    ] as const) {
      const survey = (from: ByteSource) =>
        surveyFloats(
          {
            name: "w",
            dims,
            channelAxis: axis,
            pieces: () =>
              streamFloats({
                dataType: DataType.FLOAT,
                range: { source: from, offset: 0, length: from.byteLength },
              }),
          },
          numberFormat("int8"),
        );
      const streamed = survey(hidden);
      expect(streamed).toEqual(survey(source));
    }
    for (const dims of [
      [count / 3, 3],
      [3, count / 3],
    ] as const) {
      const model = product(dims, weights);
      const whole = prepareModel(model, { granularity: "channel" }).tensors.map(surveyOf);
      expect(surveyModel(model, { granularity: "channel" })).toEqual(whole);
    }
  }, 20_000);

  it("takes over the codes of a quantised model", () => {
    const model = buildModel({
      nodes: [makeNode("DequantizeLinear", ["q", "s"], ["w"]), makeNode("MatMul", ["x", "w"], ["y"])],
      initialisers: [
        int8Tensor(
          "q",
          [4, 3],
          Int8Array.from({ length: 12 }, (_, i) => i * 20 - 120),
        ),
        floatTensor("s", [], Float32Array.of(0.1)),
      ],
      inputs: { x: ["N", 4] },
      outputs: ["y"],
    });
    expect(surveyModel(model)).toEqual(prepareModel(model).tensors.map(surveyOf));
  });

  it.each([DataType.FLOAT16, DataType.BFLOAT16])(
    "of 16-bit floats of type %i counts their own bits",
    (type) => {
      // Every finite pattern, both zeros too.
      const exponent = type === DataType.FLOAT16 ? 0x7c00 : 0x7f80;
      const bits = Uint16Array.from({ length: 65536 }, (_, i) => i).filter(
        (b) => (b & exponent) !== exponent,
      );
      const weights = halfTensor("w", [bits.length / 8, 8], type, new Uint8Array(bits.buffer));
      const nodes = [makeNode("Cast", ["w"], ["f"], { to: 1 }), makeNode("MatMul", ["x", "f"], ["y"])];
      const model = buildModel({
        nodes,
        initialisers: [weights],
        inputs: { x: ["N", 8192] },
        outputs: ["y"],
      });
      const expected = prepareModel(model).tensors.map(surveyOf);
      expect(surveyModel(model)).toEqual(expected);
      expect(expected[0]!.histogram.filter((n) => n === 1)).toHaveLength(bits.length);
      bits[11] = exponent;
      expect(() => surveyModel(model)).toThrow('Weight 11 of tensor "w" is Infinity');
    },
  );

  it.each([NaN, Infinity, -Infinity])("names the weight that is %s", (bad) => {
    for (const granularity of ["tensor", "channel"] as const) {
      const weights = numbers(40, 1);
      weights[17] = bad;
      const model = product([8, 5], weights);
      const act = () => surveyModel(model, { granularity });
      expect(act).toThrow(QtamlError);
      expect(act).toThrow(`Weight 17 of tensor "w" is ${bad}`);
    }
  });
});
