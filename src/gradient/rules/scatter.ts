/** @file Rules of operators that choose or place elements by computed indices. */
import { elementCount } from "../../onnx/index.ts";
import { NoRule, type Rule, type RuleContext, type RuleGroup } from "../rule.ts";

/** Puts the cotangent of the chosen values back to where they stood. */
const TopK: Rule = (c) => [
  c.b.op("ScatterElements", [c.b.zeros(c.dims()), c.outputIndices(1), c.dy], { axis: c.axis(-1) }),
];

function reduction(c: RuleContext): "none" | "add" {
  const found = c.string("reduction", "none");
  if (found !== "none" && found !== "add") throw new NoRule(`reduction ${found}`);
  return found;
}

/** What is overwritten has no gradient. */
const ScatterElements: Rule = (c) => {
  const axis = c.axis(0);
  const indices = c.indices(1);
  const kept = (): string =>
    reduction(c) === "add"
      ? c.dy
      : c.b.op("ScatterElements", [c.dy, indices, c.b.zeros(c.dims(1))], { axis });
  return [
    c.wants(0) ? kept() : undefined,
    undefined,
    c.wants(2) ? c.b.op("GatherElements", [c.dy, indices], { axis }) : undefined,
  ];
};

const ScatterND: Rule = (c) => {
  const indices = c.indices(1);
  const kept = (): string =>
    reduction(c) === "add" ? c.dy : c.b.op("ScatterND", [c.dy, indices, c.b.zeros(c.dims(2))]);
  return [
    c.wants(0) ? kept() : undefined,
    undefined,
    c.wants(2) ? c.b.op("GatherND", [c.dy, indices]) : undefined,
  ];
};

/** The indices count through the whole output. */
const MaxUnpool: Rule = (c) => {
  const picked = c.b.op("Gather", [
    c.b.reshape(c.dy, [elementCount(c.outputDims())]),
    c.b.reshape(c.indices(1), [elementCount(c.dims(1))]),
  ]);
  return [c.b.reshape(picked, c.dims())];
};

const ReverseSequence: Rule = (c) => [
  c.b.op("ReverseSequence", [c.dy, c.indices(1)], {
    batch_axis: c.int("batch_axis", 1),
    time_axis: c.int("time_axis", 0),
  }),
];

export const scatter: RuleGroup = {
  kind: "choice",
  rules: { TopK, Scatter: ScatterElements, ScatterElements, ScatterND, MaxUnpool, ReverseSequence },
  remarks: {
    TopK: "of the values",
    ScatterElements: "reduction none or add",
    ScatterND: "reduction none or add",
  },
};
