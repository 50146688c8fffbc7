import { describe, expect, it } from "vitest";
import { buildModel } from "../../test/build-model.ts";
import { QtamlError } from "../errors.ts";
import {
  DataType,
  floatTensor,
  makeNode,
  makeValueInfo,
  parseModel,
  prepareModel,
  serialiseModel,
} from "../onnx/index.ts";
import { openSession, runSession, Tensor } from "./session.ts";

/** y = x w, stamped with versions. Before IR version 4 an initialiser is an input too. */
function stamped(opset: number, irVersion: number, opType = "MatMul") {
  const w = floatTensor("w", [2, 2], Float32Array.of(1, 2, 3, 4));
  const inputs = { x: ["N", 2], ...(irVersion < 4 ? { w: [2, 2] } : {}) };
  const nodes = [makeNode(opType, ["x", "w"], ["y"])];
  return buildModel({ nodes, initialisers: [w], inputs, outputs: ["y"], opset, irVersion });
}

const refusal = async (opset: number, irVersion: number, opType?: string) => {
  try {
    await openSession(serialiseModel(stamped(opset, irVersion, opType)));
  } catch (error) {
    return error instanceof QtamlError ? error.message : error;
  }
  return "opened";
};

describe("versions", () => {
  it.each([
    [7, 3],
    [8, 3],
    [9, 4],
    [11, 6],
    [13, 7],
    [17, 8],
    [21, 10],
    [22, 11],
    [24, 12],
    [26, 13],
  ])("operator set %i in IR version %i is read, prepared and run", async (opset, irVersion) => {
    const model = parseModel(serialiseModel(stamped(opset, irVersion)));
    const { model: prepared, tensors } = prepareModel(model);
    expect(tensors.map((t) => t.name)).toEqual(["w"]);
    for (const of of [model, prepared]) {
      const session = await openSession(serialiseModel(of));
      const { y } = await runSession(session, { x: new Tensor("float32", Float32Array.of(1, 1), [1, 2]) });
      const [a, b] = y!.data as Float32Array;
      // int8 steps of 4 / 127: each weight is off by at most half of one.
      expect(Math.abs(a! - 4)).toBeLessThanOrEqual(4 / 127);
      expect(Math.abs(b! - 6)).toBeLessThanOrEqual(4 / 127);
      await session.release();
    }
  });

  it("newer than the runtime's are named, with its own", async () => {
    expect(await refusal(99, 8)).toMatch(
      /^The model imports operator set 99 of \S+, and the ONNX runtime takes up to \d+; export it for operator set \d+ or below\.$/,
    );
    expect(await refusal(17, 99)).toMatch(
      /^The model has IR version 99, and the ONNX runtime takes up to \d+; export it with an older version of onnx\.$/,
    );
  });

  it("are not blamed for other refusals, and no C++ is shown", async () => {
    const message = await refusal(17, 8, "Frobnicate");
    expect(message).toContain("Frobnicate");
    expect(message).not.toMatch(/onnxruntime::|std::/);
  });
});

describe("outputs that the runtime's binding cannot hand out", () => {
  it.each([DataType.INT4, DataType.UINT4])(
    "element type %i is refused before it ends the process",
    async (to) => {
      const model = buildModel({
        nodes: [makeNode("Cast", ["x"], ["y"], { to })],
        inputs: { x: [2] },
        outputs: [makeValueInfo("y", to, [2])],
        opset: 21,
        irVersion: 10,
      });
      await expect(openSession(serialiseModel(model))).rejects.toThrow(
        /^Output "y" of the model is of type u?int4, .* end the model with a Cast to float\.$/,
      );
    },
  );
});
