/** @file One operator's gradient by the gradient graph against differences of the runtime's own forward values. */
import type { NodeProto, TensorProto } from "onnx-buf";
import { makeNode, makeValueInfo, type AttributeValue } from "../../src/onnx/graph.ts";
import { DataType, elementCount, floatTensor } from "../../src/onnx/tensor.ts";
import { gradientsOf, modelOf, openSession, Tensor, uniforms, type Feeds } from "./gradients.ts";

/** How an input's values are drawn. */
export type Kind =
  /** Uniform in [-1, 1). */
  | "any"
  /** Uniform in [0.5, 2). */
  | "positive"
  /** Uniform in [-0.7, 0.7): inside the domain of asin and atanh. */
  | "small"
  /** A shuffled ladder with steps of 0.15 and no value within 0.07 of 0: no two values meet, no sign changes. */
  | "apart";

/** A differentiable input. */
export interface Input {
  readonly dims: readonly number[];
  readonly kind?: Kind;
}

/** An operator in one form. */
export interface OperatorCase {
  readonly operator: string;
  readonly label?: string;
  readonly opset: number;
  /** Inputs to differentiate, by name. */
  readonly inputs: Readonly<Record<string, Input>>;
  /** Nodes that compute "y" from the inputs. */
  readonly nodes: readonly NodeProto[];
  readonly constants?: readonly TensorProto[];
}

/** A case with a single node whose inputs come in order. */
export function single(
  operator: string,
  opset: number,
  inputs: Readonly<Record<string, Input | readonly number[]>>,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  more: {
    readonly label?: string;
    readonly constants?: readonly TensorProto[];
    readonly order?: readonly string[];
  } = {},
): OperatorCase {
  const asInput = (input: Input | readonly number[]): Input => ("dims" in input ? input : { dims: input });
  const order = more.order ?? [...Object.keys(inputs), ...(more.constants ?? []).map((t) => t.name)];
  return {
    operator,
    opset,
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, asInput(input)])),
    nodes: [makeNode(operator, order, ["y"], attributes)],
    ...(more.label === undefined ? {} : { label: more.label }),
    ...(more.constants === undefined ? {} : { constants: more.constants }),
  };
}

function draw({ dims, kind = "any" }: Input, next: () => number): Float32Array {
  const n = elementCount(dims);
  if (kind !== "apart") {
    const [low, high] = kind === "positive" ? [0.5, 2] : kind === "small" ? [-0.7, 0.7] : [-1, 1];
    return Float32Array.from({ length: n }, () => low + ((next() + 1) / 2) * (high - low));
  }
  const ladder = Float32Array.from({ length: n }, (_, i) => 0.15 * (i - Math.floor(n / 2)) + 0.075);
  for (let i = n - 1; i > 0; i -= 1) {
    const j = Math.floor(((next() + 1) / 2) * (i + 1));
    [ladder[i], ladder[j]] = [ladder[j]!, ladder[i]!];
  }
  return ladder;
}

/**
 * Step of the differences. The four-point rule errs by h^4 f^(5) / 30 (1e-6 of a fifth derivative at 1/32, where the
 * operators' are of order 1 to 100) and by rounding, 6e-8 |f| / h = 2e-6 |f|: both are far below 1e-3 of the gradient.
 */
const STEP = 1 / 32;
/** Up to this many elements each is moved alone; beyond it, this many random sign patterns. */
const DIRECTIONS = 40;

/** What the comparison found for one input. */
export interface Comparison {
  readonly input: string;
  /** Norm of the difference over the norm of the differences' gradient (or directional derivatives). */
  readonly relative: number;
  readonly norm: number;
}

function directions(size: number, next: () => number): Float32Array[] {
  return size <= DIRECTIONS
    ? Array.from({ length: size }, (_, i) => new Float32Array(size).fill(1, i, i + 1))
    : Array.from({ length: DIRECTIONS }, () =>
        Float32Array.from({ length: size }, () => (next() < 0 ? -1 : 1)),
      );
}

/**
 * Compares the gradient of each input. Every input is a stored tensor plus a fed offset of zero: stored, so that its
 * gradient can be asked for; offset, so that it is no constant and one session serves all differences.
 *
 * @param spoil changes the gradient before it is compared, to see that the comparison notices
 */
export async function compareOperator(
  test: OperatorCase,
  seed = 1,
  spoil: (gradient: Float32Array) => Float32Array = (gradient) => gradient,
): Promise<Comparison[]> {
  const next = uniforms(seed);
  const names = Object.keys(test.inputs);
  const data = new Map(names.map((name) => [name, draw(test.inputs[name]!, next)]));
  const model = modelOf(
    test.opset,
    [...names.map((name) => makeNode("Add", [`stored.${name}`, `offset.${name}`], [name])), ...test.nodes],
    names.map((name) => makeValueInfo(`offset.${name}`, DataType.FLOAT, test.inputs[name]!.dims)),
    [
      ...names.map((name) => floatTensor(`stored.${name}`, test.inputs[name]!.dims, data.get(name)!)),
      ...(test.constants ?? []),
    ],
    "y",
  );
  const offset = (name: string, values: Float32Array): Tensor =>
    new Tensor("float32", values, test.inputs[name]!.dims);
  const zeros: Feeds = Object.fromEntries(
    names.map((name) => [`offset.${name}`, offset(name, new Float32Array(data.get(name)!.length))]),
  );
  const seeds = Float32Array.from({ length: 100_000 }, next);
  const { graph, gradients } = await gradientsOf(
    model,
    zeros,
    names.map((name) => `stored.${name}`),
    (i) => seeds[i % seeds.length]!,
  );
  if (graph.uncovered.length > 0) throw new Error(`uncovered: ${JSON.stringify(graph.uncovered)}`);

  const session = await openSession(model);
  const loss = async (name: string, direction: Float32Array, h: number): Promise<number> => {
    const moved = offset(
      name,
      direction.map((d) => d * h),
    );
    const y = (await session.run({ ...zeros, [`offset.${name}`]: moved }))["y"]!.data as Float32Array;
    return y.reduce((sum, v, i) => sum + v * seeds[i % seeds.length]!, 0);
  };
  const comparisons: Comparison[] = [];
  try {
    for (const name of names) {
      const gradient = spoil(gradients.get(`stored.${name}`)!);
      let [error, norm] = [0, 0];
      for (const d of directions(gradient.length, next)) {
        const near = (await loss(name, d, STEP)) - (await loss(name, d, -STEP));
        const far = (await loss(name, d, 2 * STEP)) - (await loss(name, d, -2 * STEP));
        const expected = (8 * near - far) / (12 * STEP);
        const found = gradient.reduce((sum, g, i) => sum + g * d[i]!, 0);
        error += (found - expected) ** 2;
        norm += expected ** 2;
      }
      comparisons.push({ input: name, relative: Math.sqrt(error / norm), norm: Math.sqrt(norm) });
    }
  } finally {
    await session.release();
  }
  return comparisons;
}
