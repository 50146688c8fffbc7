/**
 * @file Operator sets of a model and of its functions brought to one. Which operators changed in a way that matters is
 * read off the ONNX changelog (https://onnx.ai/onnx/operators/); further types and new settings with a default that
 * keeps the old meaning do not matter.
 */
import { create } from "@bufbuild/protobuf";
import { OperatorSetIdProtoSchema, type FunctionProto, type NodeProto } from "onnx-buf";
import { QtamlError } from "../errors.ts";
import { isStandardNode } from "./graph.ts";
import type { OnnxModel } from "./model.ts";
import { allNodes, nestedGraphs } from "./scopes.ts";

/** Operators that mean something else, or are written otherwise, from a version on. */
const changes: Readonly<Record<number, string>> = {
  14: "BatchNormalization",
  16: "RoiAlign",
  18: "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare Split",
  19: "AveragePool",
  20: "DFT GridSample",
  21: "GroupNormalization",
};

/** The versions that `changes` tells all of. */
const oldest = 13;
const newest = 28;

const isDefault = (domain: string) => domain === "" || domain === "ai.onnx";

type Imports = readonly { readonly domain: string; readonly version: bigint }[];

const versionOf = (imports: Imports, domain: string): number | undefined => {
  const found = imports.find((o) => o.domain === domain || (isDefault(domain) && isDefault(o.domain)));
  return found === undefined ? undefined : Number(found.version);
};

/** Nodes and the operator sets that they are written for. */
interface Part {
  readonly words: string;
  readonly nodes: readonly NodeProto[];
  readonly imports: Imports;
}

function nodesOf({ node }: FunctionProto): NodeProto[] {
  return node.flatMap((n) => [n, ...nestedGraphs(n).flatMap(allNodes)]);
}

/** The first operator that changed between two versions of the default operator set. */
function changedOperator(nodes: readonly NodeProto[], from: number, to: number): string | undefined {
  const changed = new Set(
    Object.entries(changes).flatMap(([version, operators]) =>
      Number(version) > from && Number(version) <= to ? operators.split(" ") : [],
    ),
  );
  const standard = nodes.filter(isStandardNode);
  if (from < oldest || to > newest) return standard[0]?.opType;
  return standard.find((node) => changed.has(node.opType))?.opType;
}

/**
 * Gives a model whose functions are written out one version of each operator set: the newest that it or one of the
 * functions imports. Edits its imports.
 *
 * @param before the model's nodes before the functions were written out
 * @throws QtamlError `unsupported-model` when an operator changed between two versions
 */
export function uniteOperatorSets(
  model: OnnxModel,
  before: readonly NodeProto[],
  functions: ReadonlySet<FunctionProto>,
): void {
  const parts: Part[] = [
    { words: "the graph", nodes: before, imports: model.opsetImport },
    ...Array.from(functions, (f) => ({
      words: `its function "${f.name}"`,
      nodes: nodesOf(f),
      imports: f.opsetImport,
    })),
  ];
  const remaining = new Set(allNodes(model.graph).map(({ domain }) => (isDefault(domain) ? "" : domain)));
  const domains = new Set(
    parts.flatMap(({ imports }) => imports.map(({ domain }) => (isDefault(domain) ? "" : domain))),
  );
  const united = [...domains].flatMap((domain) => {
    const isCalled = model.functions.some((f) => f.domain === domain) && !remaining.has(domain);
    if (isCalled && domain !== "") return [];
    const version = Math.max(...parts.map(({ imports }) => versionOf(imports, domain) ?? 0));
    for (const { words, nodes, imports } of parts) {
      const own = versionOf(imports, domain) ?? version;
      if (own === version) continue;
      const operator =
        domain === ""
          ? changedOperator(nodes, own, version)
          : nodes.find((node) => node.domain === domain)?.opType;
      if (operator === undefined) continue;
      throw new QtamlError(
        "unsupported-model",
        `The model mixes operator sets: ${words} has ${operator} of version ${own}, and another part is written for version ${version}; export the model without functions.`,
      );
    }
    return [create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) })];
  });
  model.opsetImport = united;
}
