/** @file Mutators that know what an ONNX graph means: links, names, dimensions, element types, attributes, subgraphs. */
import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from "onnx-buf";
import type { Mutator } from "./bytes.ts";
import { edgeIntegers, type Random } from "./random.ts";

const operators = [
  "Identity",
  "Transpose",
  "Reshape",
  "DequantizeLinear",
  "QuantizeLinear",
  "Conv",
  "ConvTranspose",
  "Gemm",
  "MatMul",
  "MatMulInteger",
  "QLinearConv",
  "QLinearMatMul",
  "ConvInteger",
  "MatMulNBits",
  "BatchNormalization",
  "Constant",
  "Gather",
  "GatherElements",
  "LSTM",
  "GRU",
  "RNN",
  "Einsum",
  "LayerNormalization",
  "If",
  "Loop",
  "Scan",
  "Cast",
  "Mul",
  "Add",
  "Relu",
  "Softmax",
  "Concat",
  "Split",
  "Pad",
  "Resize",
  "Nonsense",
  "",
];

const attributeNames = [
  "axis",
  "perm",
  "group",
  "transA",
  "transB",
  "block_size",
  "K",
  "N",
  "bits",
  "to",
  "output_dtype",
  "strides",
  "pads",
  "kernel_shape",
  "equation",
  "value",
  "value_floats",
  "epsilon",
  "then_branch",
  "body",
];

function graphsOf(graph: GraphProto): GraphProto[] {
  const inner = graph.node.flatMap((n) =>
    n.attribute.flatMap((a) => [...(a.g === undefined ? [] : [a.g]), ...a.graphs]),
  );
  return [graph, ...inner.flatMap(graphsOf)];
}

function tensorsOf(graph: GraphProto): TensorProto[] {
  const inner = graph.node.flatMap((n) =>
    n.attribute.flatMap((a) => [...(a.t === undefined ? [] : [a.t]), ...a.tensors]),
  );
  return [...graph.initializer, ...inner];
}

const namesOf = (graph: GraphProto): string[] => [
  ...graph.input.map((v) => v.name),
  ...graph.initializer.map((t) => t.name),
  ...graph.node.flatMap((n) => n.output),
  ...graph.output.map((v) => v.name),
  "",
];

const edge = (random: Random): bigint => BigInt.asIntN(64, random.pick(edgeIntegers));

function damageLinks(graph: GraphProto, node: NodeProto, random: Random): void {
  const names = namesOf(graph);
  const list = random.chance(0.7) ? node.input : node.output;
  const how = list.length === 0 ? 0 : random.below(10);
  if (how === 0) list.push(random.pick(names));
  else if (how === 1) list.length = random.below(list.length);
  else list[random.below(list.length)] = random.pick(names);
}

/** A ring of nodes that each read the next one's value. */
function addCycle(graph: GraphProto, random: Random): void {
  const length = random.pick([1, 2, 5]);
  const entry = graph.node.length === 0 ? undefined : random.pick(graph.node);
  const [value] = entry?.input ?? [];
  for (let k = 0; k < length; k++) {
    const from = k === length - 1 ? "ring0" : `ring${k + 1}`;
    const opType = random.pick(["Identity", "Transpose", "Reshape", "DequantizeLinear", "Add"]);
    graph.node.push(create(NodeProtoSchema, { opType, input: [from, value ?? ""], output: [`ring${k}`] }));
  }
  if (entry !== undefined && entry.input.length > 0) entry.input[random.below(entry.input.length)] = "ring0";
}

function damageTensor(tensor: TensorProto, random: Random): void {
  switch (random.below(9)) {
    case 0:
      if (tensor.dims.length > 0) tensor.dims[random.below(tensor.dims.length)] = edge(random);
      else tensor.dims = [edge(random)];
      break;
    case 1:
      tensor.dims = Array.from({ length: random.pick([0, 1, 2, 5, 9, 64, 100_000]) }, () => 1n);
      break;
    case 2:
      tensor.dataType = random.below(30);
      break;
    case 3:
      tensor.rawData = tensor.rawData.slice(0, random.below(tensor.rawData.byteLength));
      break;
    case 4:
      tensor.rawData = new Uint8Array(random.pick([0, 1, 2, 7, 64]));
      tensor.floatData = Array.from({ length: random.below(4) }, () => random.pick([NaN, Infinity, 0, 1e38]));
      break;
    case 5:
      tensor.rawData = new Uint8Array(tensor.rawData).fill(random.pick([0, 0xff, 0x7f, 0x80]));
      break;
    case 6: {
      tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
      const entries: readonly (readonly [string, string])[] = [
        [
          "location",
          random.pick([
            "weights.bin",
            "../weights.bin",
            "/etc/hostname",
            "",
            ".",
            "a\u0000b",
            "./x/../../y",
            "C:\\x",
            "weights.bin/",
          ]),
        ],
        ["offset", random.pick(["0", "-1", "1e3", "99999999999999999999", "4096", "NaN", ""])],
        ["length", random.pick(["0", "-4", "16", "9007199254740993", "4294967296", "NaN", ""])],
        ["checksum", "0"],
      ];
      tensor.externalData = entries
        .slice(0, 1 + random.below(4))
        .map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
      break;
    }
    case 7:
      tensor.int32Data = Array.from({ length: random.below(50) }, () =>
        random.pick([0, -1, 2 ** 31 - 1, -(2 ** 31)]),
      );
      break;
    default:
      tensor.name = random.pick(["", "x", tensor.name.repeat(2), "\u0000", "__proto__", "é".repeat(5000)]);
      break;
  }
}

function damageAttributes(node: NodeProto, random: Random): void {
  const chosen = node.attribute.length === 0 ? undefined : random.pick(node.attribute);
  if (chosen === undefined || random.chance(0.4)) {
    node.attribute.push(
      create(AttributeProtoSchema, {
        name: random.pick(attributeNames),
        type: random.pick([
          AttributeType.INT,
          AttributeType.INTS,
          AttributeType.FLOAT,
          AttributeType.STRING,
          AttributeType.TENSOR,
          AttributeType.GRAPH,
        ]),
        i: edge(random),
        f: random.pick([NaN, Infinity, -1, 0]),
        ints: Array.from({ length: random.below(6) }, () => edge(random)),
        s: new Uint8Array([0xff, 0xfe]),
      }),
    );
    return;
  }
  switch (random.below(6)) {
    case 0:
      node.attribute.splice(node.attribute.indexOf(chosen), 1);
      break;
    case 1:
      chosen.i = edge(random);
      break;
    case 2:
      chosen.ints = chosen.ints.map((v) => (random.chance(0.5) ? v : edge(random)));
      break;
    case 3:
      chosen.ints = Array.from({ length: random.pick([0, 1, 3, 50]) }, () => BigInt(random.below(5)) - 1n);
      break;
    case 4:
      chosen.name = random.pick(attributeNames);
      break;
    default:
      delete chosen.t;
      delete chosen.g;
      break;
  }
}

/** Wraps the nodes of a graph in `If` inside `If`, as deep as told. */
function nestSubgraphs(graph: GraphProto, random: Random): void {
  const depth = random.pick([1, 3, 50, 100, 400]);
  for (let k = 0; k < depth; k++) {
    const body = create(GraphProtoSchema, { name: `level${k}`, node: graph.node, output: graph.output });
    const branch = (name: string) =>
      create(AttributeProtoSchema, { name, type: AttributeType.GRAPH, g: body });
    graph.node = [
      create(NodeProtoSchema, {
        opType: random.pick(["If", "Loop", "Scan"]),
        input: [graph.input[0]?.name ?? ""],
        output: graph.output.map((o) => o.name),
        attribute: [branch(random.pick(["then_branch", "body"]))],
      }),
    ];
  }
}

function repeatNames(graph: GraphProto, random: Random): void {
  const lists: readonly { name: string }[][] = [graph.initializer, graph.input, graph.output, graph.node];
  const list = random.pick(lists.filter((l) => l.length > 0));
  if (list === undefined) return;
  const from = random.pick(list);
  if (random.chance(0.5)) list.push(from);
  else random.pick(list).name = from.name;
}

function damageGraph(model: ModelProto, random: Random): void {
  if (model.graph === undefined) return;
  const graph = random.pick(graphsOf(model.graph));
  const node = graph.node.length === 0 ? undefined : random.pick(graph.node);
  const tensors = tensorsOf(graph);
  switch (random.below(12)) {
    case 0:
    case 1:
      if (node !== undefined) damageLinks(graph, node, random);
      break;
    case 2:
      if (node !== undefined) node.opType = random.pick(operators);
      break;
    case 3:
    case 4:
      if (node !== undefined) damageAttributes(node, random);
      break;
    case 5:
    case 6:
      if (tensors.length > 0) damageTensor(random.pick(tensors), random);
      break;
    case 7:
      addCycle(graph, random);
      break;
    case 8:
      repeatNames(graph, random);
      break;
    case 9:
      if (random.chance(0.2)) nestSubgraphs(graph, random);
      break;
    case 10:
      graph.node = random.chance(0.3) ? [] : graph.node.toSorted(() => random.below(3) - 1);
      break;
    default:
      if (random.chance(0.5)) model.irVersion = edge(random);
      else for (const entry of model.opsetImport) entry.version = edge(random);
      break;
  }
}

/** Damages what the graph says and writes it as a well-formed file. */
const damageMeaning: Mutator = (bytes, random) => {
  const model = clone(ModelProtoSchema, fromBinary(ModelProtoSchema, bytes));
  for (let k = random.span(5); k > 0; k--) damageGraph(model, random);
  return toBinary(ModelProtoSchema, model);
};

/** Mutators for ONNX files as graphs. */
export const graphMutators: readonly Mutator[] = [damageMeaning];
