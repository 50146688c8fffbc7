/**
 * @file A network whose layers are functions of the model, as newer exporters write them: the same weights, Jacobian
 * and hardened file as the same network without functions.
 */
import { create } from "@bufbuild/protobuf";
import { FunctionProtoSchema, OperatorSetIdProtoSchema, type NodeProto } from "onnx-buf";
import { expect, it } from "vitest";
import { assess, inspect } from "../src/assessment/index.ts";
import { makePlan } from "../src/planning/index.ts";
import { symmetricFlips } from "../src/channel/index.ts";
import { hardenByPlan } from "../src/simulation/index.ts";
import { singleInput } from "../src/data/index.ts";
import { floatTensor, makeNode, parseModel, serialiseModel } from "../src/onnx/index.ts";
import { uniformStream } from "../src/stats/random.ts";
import { buildModel, floats, runModel } from "./build-model.ts";

const uniform = uniformStream(5);
const draw = (...dims: number[]) =>
  Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => uniform() - 0.5);

const weights = { first: draw(6, 8), inner: draw(8, 8), last: draw(8, 3) };
const images = { dims: [4, 6], data: draw(4, 6) };

const layer = (x: string, w: string, y: string): NodeProto[] => [
  makeNode("MatMul", [x, w], [`${y}.h`]),
  makeNode("Tanh", [`${y}.h`], [y]),
];

const initialisers = [floatTensor("first", [6, 8], weights.first), floatTensor("last", [8, 3], weights.last)];

const plain = buildModel({
  nodes: [
    ...layer("x", "first", "a"),
    ...layer("a", "inner", "b"),
    ...layer("b", "inner", "c"),
    makeNode("MatMul", ["c", "last"], ["y"]),
  ],
  initialisers: [...initialisers, floatTensor("inner", [8, 8], weights.inner)],
  inputs: { x: ["n", 6] },
  outputs: ["y"],
});

/** `layer` takes its weights as an input, `recurrent` holds its own and calls `layer`. */
function withFunctions() {
  const imports = ["", "layers"].map((domain) =>
    create(OperatorSetIdProtoSchema, { domain, version: domain === "" ? 17n : 1n }),
  );
  const call = (name: string, input: string[], output: string): NodeProto =>
    Object.assign(makeNode(name, input, [output]), { domain: "layers" });
  const model = buildModel({
    nodes: [
      call("layer", ["x", "first"], "a"),
      call("recurrent", ["a"], "b"),
      call("recurrent", ["b"], "c"),
      makeNode("MatMul", ["c", "last"], ["y"]),
    ],
    initialisers,
    inputs: { x: ["n", 6] },
    outputs: ["y"],
  });
  model.opsetImport = imports;
  const define = (name: string, input: string[], output: string[], node: NodeProto[]) =>
    create(FunctionProtoSchema, { name, domain: "layers", input, output, node, opsetImport: imports });
  model.functions.push(
    define("layer", ["x", "w"], ["y"], layer("x", "w", "y")),
    define(
      "recurrent",
      ["x"],
      ["y"],
      [
        makeNode("Constant", [], ["w"], { value: floatTensor("w", [8, 8], weights.inner) }),
        call("layer", ["x", "w"], "y"),
      ],
    ),
  );
  return model;
}

it("takes weights inside functions for what they are", async () => {
  const options = {
    flips: (bits: number) => symmetricFlips(0.002, bits),
    calibration: singleInput(4, [6], images.data),
  };
  const [expected, found] = await Promise.all(
    [plain, withFunctions()].map((model, i) =>
      assess({ name: `model ${i}`, bytes: serialiseModel(model) }, options),
    ),
  );
  const rows = inspect(found!);
  expect(rows.map((row) => row.name)).toEqual(["first", "recurrent.w", "last"]);
  expect(rows.map((row) => row.method)).toEqual(["gradient", "gradient", "gradient"]);
  inspect(expected!).forEach((row, t) => {
    expect({ ...rows[t]!, name: row.name }).toEqual(row);
  });
  for (const form of ["gather", "qdq"] as const) {
    const outputs = await Promise.all(
      [expected!, found!].map(async (assessment) => {
        const plan = await makePlan(assessment, { policy: "tac", overhead: 0.05 });
        const hardened = parseModel(serialiseModel(hardenByPlan(assessment, plan, form)));
        return floats((await runModel(hardened, { x: images }))["y"]);
      }),
    );
    expect(outputs[1]).toEqual(outputs[0]);
  }
});
