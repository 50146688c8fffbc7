import { describe, expect, it } from "vitest";
import { buildModel } from "../../test/build-model.ts";
import { codesInt32, codesOf, number } from "../../test/quantised-parts.ts";
import { noiseImages, trialContext } from "../../test/trials.ts";
import { DataType, floatTensor, makeNode, makeValueInfo, prepareModel } from "../onnx/index.ts";
import { measureJacobian } from "./jacobian.ts";
import { logitsModel } from "./logits.ts";

const features = 6;

/** logits = x W with a softmax behind them, for a batch of any or of a fixed size. */
function linear(classes: number, batch: number | string = "N") {
  const weights = Float32Array.from({ length: features * classes }, (_, i) => Math.sin(1 + i * i));
  return buildModel({
    nodes: [makeNode("MatMul", ["x", "w"], ["z"]), makeNode("Softmax", ["z"], ["p"], { axis: -1 })],
    initialisers: [floatTensor("w", [features, classes], weights)],
    inputs: { x: [batch, features] },
    outputs: ["p"],
  });
}

const storage = { format: "int8", granularity: "tensor" } as const;

describe("measureJacobian of logits = x W", () => {
  const data = noiseImages(8, 3, [features]);
  const inputs = data.inputs.get("x")!.data as Float32Array;
  const squares = Array.from({ length: data.count }, (_, n) =>
    inputs.subarray(n * features, (n + 1) * features).reduce((sum, v) => sum + v * v, 0),
  );

  // Sums of at most 400 float32 products: 400 roundings of 2^-24 < 3e-5.
  it.each([
    [5, "gradient"],
    [32, "gradient"],
    [40, "gradient-probes"],
  ] as const)("with %i classes is C |x|^2, by %s", async (classes, method) => {
    const [found] = await measureJacobian(prepareModel(linear(classes), storage), data);
    expect(found!.method).toBe(method);
    squares.forEach((square, n) => {
      expect(found!.sampleSquaredNorms[n]! / (classes * square)).toBeCloseTo(1, 4);
      expect(found!.sampleContrastNorms[n]! / ((classes - 1) * square)).toBeCloseTo(1, 4);
    });
    const mean = (classes * squares.reduce((a, b) => a + b, 0)) / data.count;
    expect(found!.squaredNorm / mean).toBeCloseTo(1, 4);
    found!.channelSquaredNorms!.forEach((v) => expect(v / (mean / classes)).toBeCloseTo(1, 4));
  });

  it("by forward probes lies within four standard errors", async () => {
    const classes = 5;
    const [found] = await measureJacobian(prepareModel(linear(classes), storage), data, {
      method: "forward-probe",
    });
    expect(found!.method).toBe("forward-probe");
    // |x . xi|^2 summed over classes: |x|^2 times chi-square with C degrees of freedom, averaged over 24 probes.
    const sd = Math.sqrt(2 / (classes * 24));
    const sdContrast = Math.sqrt(2 / ((classes - 1) * 24));
    squares.forEach((square, n) => {
      expect(Math.abs(found!.sampleSquaredNorms[n]! / (classes * square) - 1)).toBeLessThan(4 * sd);
      const contrast = found!.sampleContrastNorms[n]! / ((classes - 1) * square);
      expect(Math.abs(contrast - 1)).toBeLessThan(4 * sdContrast);
    });
  });

  it("for a fixed batch of two averages both samples of a group", async () => {
    const classes = 5;
    const [found] = await measureJacobian(prepareModel(linear(classes, 2), storage), data);
    expect(found!.sampleSquaredNorms.length).toBe(8);
    expect(found!.sampleSquaredNorms[0]).toBe(found!.sampleSquaredNorms[1]);
    // Signs leave the cross term 2 x.x' s.s' / 2 of mean 0 and deviation |x||x'| sqrt(C), over 16 probes and 4 groups.
    const mean = (classes * squares.reduce((a, b) => a + b, 0)) / data.count;
    expect(Math.abs(found!.squaredNorm / mean - 1)).toBeLessThan(
      (4 * Math.sqrt(1 / classes)) / Math.sqrt(64),
    );
  });
});

describe("measureJacobian", () => {
  it.each(["lenet", "transformer"] as const)(
    "of %s: forward probes agree with the gradient",
    async (name) => {
      const { prepared, context } = await trialContext(name, { images: 4 });
      const exact = await measureJacobian(prepared, context.data);
      const probed = await measureJacobian(prepared, context.data, { method: "forward-probe", seed: 2 });
      exact.forEach((gradient, t) => {
        expect(gradient.method).toBe("gradient");
        // |J xi|^2 has variance 2 |J J^T|_F^2 <= 2 |J|_F^4, over 24 probes that all samples share: sd <= 0.29.
        const ratio = probed[t]!.squaredNorm / gradient.squaredNorm;
        expect(Math.abs(ratio - 1)).toBeLessThan(4 * Math.sqrt(2 / 24));
      });
      const logRatio = exact.reduce((sum, g, t) => sum + Math.log(probed[t]!.squaredNorm / g.squaredNorm), 0);
      expect(Math.abs(logRatio / exact.length)).toBeLessThan(
        (4 * Math.sqrt(2 / 24)) / Math.sqrt(exact.length),
      );
    },
  );
});

describe("logitsModel", () => {
  it("takes the value before a softmax, and leaves the source as it is", () => {
    const model = linear(3);
    expect(logitsModel(model).graph.output.map((o) => o.name)).toEqual(["z"]);
    expect(model.graph.output.map((o) => o.name)).toEqual(["p"]);
  });

  it("takes the scores that a class is the largest of", () => {
    const model = linear(3);
    model.graph.node.push(makeNode("ArgMax", ["p"], ["class"], { axis: 1 }));
    model.graph.output = [makeValueInfo("class", DataType.INT64)];
    expect(logitsModel(model).graph.output.map((o) => o.name)).toEqual(["z"]);
  });
});

describe("measureJacobian through integers", () => {
  const samples = noiseImages(4, 7, [features]);
  const inputs = samples.inputs.get("x")!.data as Float32Array;

  it("passes an integer product whose result stays integer", async () => {
    const model = buildModel({
      nodes: [
        makeNode("QuantizeLinear", ["x", "step", "zero"], ["q"]),
        makeNode("MatMulInteger", ["q", "w", "zero"], ["h"]),
        makeNode("Mul", ["h", "two"], ["d"]),
        makeNode("Cast", ["d"], ["y"], { to: DataType.FLOAT }),
      ],
      initialisers: [
        number("step", 0.05),
        codesOf("zero", [], DataType.UINT8, [120]),
        codesOf(
          "w",
          [features, 3],
          DataType.INT8,
          Array.from({ length: 3 * features }, (_, i) => (i * 37) % 100),
        ),
        codesInt32("two", [2]),
      ],
      inputs: { x: ["N", features] },
      outputs: ["y"],
    });
    const [found] = await measureJacobian(prepareModel(model), samples);
    expect(found!.method).toBe("gradient");
    found!.sampleSquaredNorms.forEach((norm, n) => {
      const codes = inputs.subarray(n * features, (n + 1) * features).map((v) => Math.round(v / 0.05));
      // y = 2 q W for three outputs; cotangents are rounded to float32, 2^-24 each.
      expect(norm / (3 * 4 * codes.reduce((sum, q) => sum + q * q, 0))).toBeCloseTo(1, 5);
    });
  });

  it("asks the network where only a rounded value reaches the output", async () => {
    const weights = Float32Array.from({ length: 3 * features }, (_, i) => 100 * Math.sin(1 + i * i));
    const model = buildModel({
      nodes: [
        makeNode("MatMul", ["x", "w"], ["h"]),
        makeNode("Mul", ["h", "scale"], ["s"]),
        makeNode("Cast", ["s"], ["i"], { to: DataType.INT32 }),
        makeNode("Cast", ["i"], ["y"], { to: DataType.FLOAT }),
      ],
      initialisers: [floatTensor("w", [features, 3], weights), number("scale", 50)],
      inputs: { x: ["N", features] },
      outputs: ["y"],
    });
    const [found] = await measureJacobian(prepareModel(model), samples);
    expect(found!.method).toBe("forward-probe");
    expect(found!.stoppedBy).toBe("Cast");
    const mean = inputs.reduce((sum, v) => sum + 3 * (50 * v) ** 2, 0) / samples.count;
    // Steps of 1 % of 70 times 50 move the outputs by tens, so that rounding to one adds some per cent.
    expect(Math.abs(found!.squaredNorm - mean)).toBeLessThan(4 * found!.standardError + 0.05 * mean);
  });
});
