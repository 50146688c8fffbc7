import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  OperatorSetIdProtoSchema,
  type AttributeProto,
  type FunctionProto,
  type NodeProto,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { buildModel, floats, relativeDifference, runModel } from "../../test/build-model.ts";
import { QtamlError } from "../errors.ts";
import { inlineFunctions } from "./functions.ts";
import { makeNode, makeValueInfo, type AttributeValue } from "./graph.ts";
import { cloneModel, parseModel, serialiseModel, type OnnxModel } from "./model.ts";
import { prepareModel } from "./prepare.ts";
import { hardenModel } from "./harden.ts";
import { cleanSegments } from "../stored/index.ts";
import { DataType, elementCount, floatTensor } from "./tensor.ts";

const domain = "test.functions";

const wave = (name: string, ...dims: number[]) =>
  floatTensor(
    name,
    dims,
    Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(1 + i * i)),
  );

const weights = (name: string, ...dims: number[]) =>
  makeNode("Constant", [], [name], { value: wave(name, ...dims) });

/** A call of a function of the model. */
function call(
  name: string,
  input: string[],
  output: string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  overload = "",
): NodeProto {
  const node = makeNode(name, input, output, attributes);
  node.domain = domain;
  node.overload = overload;
  return node;
}

const reference = (name: string, to: string, type = AttributeType.FLOAT): AttributeProto =>
  create(AttributeProtoSchema, { name, refAttrName: to, type });

const branch = (output: string, ...nodes: NodeProto[]) =>
  create(GraphProtoSchema, {
    name: `${output} branch`,
    node: nodes,
    output: [makeValueInfo(output, DataType.FLOAT)],
  });

function choose(condition: string, output: string, yes: NodeProto[], no: NodeProto[]): NodeProto {
  const node = makeNode("If", [condition], [output]);
  node.attribute.push(
    create(AttributeProtoSchema, {
      name: "then_branch",
      type: AttributeType.GRAPH,
      g: branch("result", ...yes),
    }),
    create(AttributeProtoSchema, {
      name: "else_branch",
      type: AttributeType.GRAPH,
      g: branch("result", ...no),
    }),
  );
  return node;
}

interface Definition {
  readonly input: string[];
  readonly output: string[];
  readonly node: NodeProto[];
  readonly attribute?: string[];
  readonly attributeProto?: AttributeProto[];
  readonly overload?: string;
  readonly opset?: number;
}

const define = (name: string, { opset = 17, ...rest }: Definition): FunctionProto =>
  create(FunctionProtoSchema, {
    name,
    domain,
    ...rest,
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(opset) }),
      create(OperatorSetIdProtoSchema, { domain, version: 1n }),
    ],
  });

/** A model from x (2 by 4) to y that defines functions. */
function withFunctions(
  nodes: NodeProto[],
  functions: FunctionProto[],
  opset = 17,
  outputs: string[] = ["y"],
): OnnxModel {
  const model = buildModel({ nodes, inputs: { x: [2, 4] }, outputs, opset });
  model.functions.push(...functions);
  model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain, version: 1n }));
  return model;
}

const x = { dims: [2, 4], data: Float32Array.from({ length: 8 }, (_, i) => (i % 5) - 1.7) };

const leaky = makeNode("LeakyRelu", ["h"], ["activated"]);
leaky.attribute.push(reference("alpha", "slope"));

/** `LeakyRelu(x w, slope)`, in words that the main graph has too. */
const linear = define("linear", {
  input: ["x"],
  output: ["activated", "h"],
  attributeProto: [
    create(AttributeProtoSchema, { name: "slope", type: AttributeType.FLOAT, f: Math.fround(0.3) }),
  ],
  node: [weights("w", 4, 4), makeNode("MatMul", ["x", "w"], ["h"]), leaky],
});

const cases: Readonly<Record<string, OnnxModel>> = {
  "a weight inside, an output left out, a default": withFunctions(
    [call("linear", ["x"], ["y", ""])],
    [linear],
  ),
  "an attribute given, names of the main graph inside": withFunctions(
    [call("linear", ["x"], ["h", "w"], { slope: { float: 0.5 } }), makeNode("Add", ["h", "w"], ["y"])],
    [linear],
  ),
  "an attribute that nobody gives": withFunctions(
    [call("plain", ["x"], ["y"])],
    [
      define("plain", {
        input: ["x"],
        output: ["activated"],
        attribute: ["slope"],
        node: [weights("w", 4, 4), makeNode("MatMul", ["x", "w"], ["h"]), leaky],
      }),
    ],
  ),
  "functions in functions, called repeatedly": withFunctions(
    [call("block", ["x"], ["m"]), call("block", ["m"], ["y"])],
    [
      define("block", {
        input: ["v"],
        output: ["out"],
        node: [
          call("linear", ["v"], ["a", "b"]),
          call("linear", ["a"], ["c", ""], { slope: { float: 0.9 } }),
          makeNode("Add", ["b", "c"], ["out"]),
        ],
      }),
      linear,
    ],
  ),
  "an input left out": withFunctions(
    [call("gemm", ["x"], ["m"]), call("gemm", ["m", "m"], ["y"])],
    [
      define("gemm", {
        input: ["a", "c"],
        output: ["out"],
        node: [weights("w", 4, 4), makeNode("Gemm", ["a", "w", "c"], ["out"])],
      }),
    ],
  ),
  "outputs that are an input, a constant, and one value twice": withFunctions(
    [call("odd", ["x"], ["a", "b", "c", "d"]), makeNode("Sum", ["a", "b", "c", "d"], ["y"])],
    [
      define("odd", {
        input: ["v"],
        output: ["copy", "w", "p", "q"],
        node: [
          weights("w", 4),
          weights("w2", 4, 4),
          makeNode("Identity", ["v"], ["copy"]),
          makeNode("MatMul", ["v", "w2"], ["p"]),
          makeNode("Identity", ["p"], ["q"]),
        ],
      }),
    ],
  ),
  "a branch inside that reads from the function": withFunctions(
    [call("choice", ["x"], ["h"]), call("choice", ["h"], ["y"])],
    [
      define("choice", {
        input: ["x"],
        output: ["chosen"],
        node: [
          weights("w", 4, 4),
          makeNode("MatMul", ["x", "w"], ["h"]),
          makeNode("ReduceSum", ["h"], ["total"], { keepdims: 0 }),
          makeNode("Constant", [], ["zero"], { value: floatTensor("zero", [], Float32Array.of(0)) }),
          makeNode("Greater", ["total", "zero"], ["positive"]),
          choose(
            "positive",
            "chosen",
            [weights("w1", 4, 4), makeNode("MatMul", ["h", "w1"], ["result"])],
            [call("linear", ["h"], ["result", ""])],
          ),
        ],
      }),
      linear,
    ],
  ),
  "a call in a branch of the model": withFunctions(
    [
      makeNode("ReduceMax", ["x"], ["top"], { keepdims: 0 }),
      makeNode("Constant", [], ["limit"], { value: floatTensor("limit", [], Float32Array.of(1)) }),
      makeNode("Greater", ["top", "limit"], ["large"]),
      choose(
        "large",
        "y",
        [call("linear", ["x"], ["result", ""])],
        [weights("w", 4, 4), makeNode("MatMul", ["x", "w"], ["result"])],
      ),
    ],
    [linear],
  ),
  overloads: withFunctions(
    [call("act", ["x"], ["h"], {}, "one"), call("act", ["h"], ["y"], {}, "two")],
    [
      define("act", {
        input: ["v"],
        output: ["o"],
        overload: "one",
        node: [weights("w", 4, 4), makeNode("MatMul", ["v", "w"], ["o"])],
      }),
      define("act", {
        input: ["v"],
        output: ["o"],
        overload: "two",
        node: [makeNode("Neg", ["v"], ["o"])],
      }),
    ],
  ),
};

const inlined = (model: OnnxModel): OnnxModel => {
  const copy = cloneModel(model);
  inlineFunctions(copy);
  return copy;
};

async function outputOf(model: OnnxModel): Promise<Float32Array> {
  return floats((await runModel(model, { x }))["y"]);
}

describe("inlineFunctions", () => {
  it.each(Object.keys(cases))("%s: what the runtime makes of the functions", async (name) => {
    const model = cases[name]!;
    const bytes = serialiseModel(model);
    const copy = inlined(model);
    expect(copy.functions).toEqual([]);
    expect(copy.graph.node.every((node) => node.domain !== domain)).toBe(true);
    expect(copy.opsetImport.map((o) => o.domain)).toEqual([""]);
    expect(await outputOf(copy)).toEqual(await outputOf(parseModel(bytes)));
    // The given model keeps its functions.
    expect(serialiseModel(model)).toEqual(bytes);
  });

  it.each(Object.keys(cases))("%s: weights are stored, once for all calls, and hardened", async (name) => {
    const model = cases[name]!;
    const prepared = prepareModel(model);
    const names = prepared.tensors.map((t) => t.name);
    expect(new Set(names).size).toBe(names.length);
    const held = new Set(model.functions.flatMap((f) => f.node.filter((n) => n.opType === "Constant")));
    expect(names.length).toBeGreaterThan(0);
    expect(names.length).toBeLessThanOrEqual(held.size + 2);
    const clean = new Map(prepared.tensors.map((t) => [t.name, cleanSegments(t)]));
    const hardened = hardenModel(prepared, clean, "gather");
    expect(await outputOf(hardened)).toEqual(await outputOf(prepared.model));
    // 8-bit weights of order 1 under inputs of order 1: some per cent of the outputs, through up to four layers.
    expect(relativeDifference(await outputOf(prepared.model), await outputOf(model))).toBeLessThan(0.05);
  });

  it("keeps one tensor for a function that is called four times", () => {
    const { tensors } = prepareModel(cases["functions in functions, called repeatedly"]!);
    expect(tensors.map(({ name, count }) => [name, count])).toEqual([["linear.w", 16]]);
  });

  it("leaves the operators of ONNX what the runtime takes them for", async () => {
    const negated = define("Relu", { input: ["v"], output: ["o"], node: [makeNode("Neg", ["v"], ["o"])] });
    const model = withFunctions([makeNode("Relu", ["x"], ["y"])], [Object.assign(negated, { domain: "" })]);
    const copy = inlined(model);
    expect(copy.functions).toEqual([]);
    expect(await outputOf(copy)).toEqual(await outputOf(model));
  });

  const message = (act: () => void): string => {
    try {
      act();
    } catch (error) {
      if (error instanceof QtamlError) return `${error.code}: ${error.message}`;
      throw error;
    }
    return "no error";
  };
  const refused = (model: OnnxModel): string => message(() => inlineFunctions(cloneModel(model)));

  it("refuses recursion", () => {
    const through = (name: string, callee: string) =>
      define(name, { input: ["v"], output: ["o"], node: [call(callee, ["v"], ["o"])] });
    const model = withFunctions(
      [call("f", ["x"], ["y"])],
      [through("f", "g"), through("g", "h"), through("h", "f")],
    );
    expect(refused(model)).toMatch(/invalid-file: .*"f" calls itself through "h"/);
    expect(message(() => prepareModel(model))).toMatch(/calls itself/);
    const deep = withFunctions(
      [call("f0", ["x"], ["y"])],
      Array.from({ length: 5000 }, (_, i) => through(`f${i}`, `f${i + 1}`)),
    );
    expect(refused(deep)).toMatch(/100 functions deep/);
  });

  it.each([1, 0])("bounds doubling upon doubling (%d node at the end)", (nodes) => {
    const doubling = Array.from({ length: 60 }, (_, i) =>
      define(`f${i}`, {
        input: ["v"],
        output: ["o"],
        node: [call(`f${i + 1}`, ["v"], ["h"]), call(`f${i + 1}`, ["h"], ["o"])],
      }),
    );
    const last = define("f60", {
      input: ["v"],
      output: [nodes === 0 ? "v" : "o"],
      node: nodes === 0 ? [] : [makeNode("Neg", ["v"], ["o"])],
    });
    const model = withFunctions([call("f0", ["x"], ["y"])], [...doubling, last]);
    expect(refused(model)).toMatch(/unsupported-model: .*written out/);
  });

  it("bounds graphs that are handed on and doubled", () => {
    const both = makeNode("If", ["c"], ["o"]);
    both.attribute.push(
      reference("then_branch", "body", AttributeType.GRAPH),
      reference("else_branch", "body", AttributeType.GRAPH),
    );
    const level = (i: number) => {
      const inner = makeNode("If", ["c"], ["r"]);
      inner.attribute.push(
        reference("then_branch", "body", AttributeType.GRAPH),
        reference("else_branch", "body", AttributeType.GRAPH),
      );
      const next = call(`f${i + 1}`, ["c"], ["o"]);
      next.attribute.push(
        create(AttributeProtoSchema, { name: "body", type: AttributeType.GRAPH, g: branch("r", inner) }),
      );
      return define(`f${i}`, { input: ["c"], output: ["o"], attribute: ["body"], node: [next] });
    };
    const functions = Array.from({ length: 60 }, (_, i) => level(i));
    functions.push(define("f60", { input: ["c"], output: ["o"], attribute: ["body"], node: [both] }));
    const first = call("f0", ["x"], ["y"]);
    first.attribute.push(
      create(AttributeProtoSchema, {
        name: "body",
        type: AttributeType.GRAPH,
        g: branch("r", makeNode("Neg", ["x"], ["r"])),
      }),
    );
    expect(refused(withFunctions([first], functions))).toMatch(/unsupported-model: .*written out/);
  });

  it("says what is wrong with a damaged function", () => {
    const broken = (definition: Definition, node = call("f", ["x"], ["y"])) =>
      refused(withFunctions([node], [define("f", definition)]));
    const neg = makeNode("Neg", ["v"], ["o"]);
    const body = { input: ["v"], output: ["o"], node: [neg] };
    expect(broken(body)).toBe("no error");
    expect(broken({ ...body, output: ["p"] })).toMatch(/invalid-file: .*"f" reads the value "p"/);
    expect(broken({ ...body, input: ["u"] })).toMatch(/"f" reads the value "v"/);
    expect(broken({ ...body, input: ["u"], node: [makeNode("Neg", ["x"], ["o"])] })).toMatch(/"x"/);
    expect(broken(body, call("f", ["x", "x"], ["y"]))).toMatch(/has 1 inputs and is called with 2/);
    expect(broken(body, call("f", ["x"], ["y", "z"]))).toMatch(/has 1 outputs and is called with 2/);
    const loop = [makeNode("Add", ["v", "o"], ["p"]), makeNode("Neg", ["p"], ["o"])];
    expect(broken({ ...body, node: loop })).toMatch(/cycle/);
    const twice = withFunctions([call("f", ["x"], ["y"])], [define("f", body), define("f", body)]);
    expect(refused(twice)).toMatch(/"f" is defined twice/);
  });
});

describe("operator sets of functions", () => {
  const w = weights("w", 4, 4);
  const relu = { input: ["v"], output: ["o"], node: [w, makeNode("MatMul", ["v", "w"], ["o"])] };
  const mean = { ...relu, node: [makeNode("ReduceMean", ["v"], ["o"], { axes: [1] })] };
  const caller = [call("f", ["x"], ["y"])];

  it.each([
    [17, 15, 17],
    [15, 17, 17],
    [17, 20, 20],
  ])("a model of %d with a function of %d becomes one of %d", async (own, other, united) => {
    const copy = inlined(withFunctions(caller, [define("f", { ...relu, opset: other })], own));
    expect(copy.opsetImport.map((o) => Number(o.version))).toEqual([united]);
    const same = inlined(withFunctions(caller, [define("f", { ...relu, opset: own })], own));
    expect(await outputOf(copy)).toEqual(await outputOf(same));
  });

  const refusal = (act: () => void) => expect(act).toThrow(/mixes operator sets: .* has ReduceMean/);

  it("refuses an operator that changed in between, on either side", () => {
    refusal(() => inlined(withFunctions(caller, [define("f", { ...mean, opset: 17 })], 18)));
    const main = [call("f", ["x"], ["h"]), makeNode("ReduceMean", ["h"], ["y"], { axes: [1] })];
    refusal(() => inlined(withFunctions(main, [define("f", { ...relu, opset: 18 })], 17)));
    const unused = define("unused", { ...mean, opset: 12 });
    expect(inlined(withFunctions(caller, [define("f", relu), unused])).functions).toEqual([]);
  });

  it("imports what only a function imports", () => {
    const gelu = makeNode("Gelu", ["h"], ["o"]);
    gelu.domain = "com.microsoft";
    const f = define("f", { ...relu, node: [w, makeNode("MatMul", ["v", "w"], ["h"]), gelu] });
    f.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: "com.microsoft", version: 1n }));
    const copy = inlined(withFunctions(caller, [f]));
    expect(copy.opsetImport.map((o) => [o.domain, Number(o.version)])).toEqual([
      ["", 17],
      ["com.microsoft", 1],
    ]);
  });
});
