/** @file LSTM, GRU and RNN as their recurrences, step by step: the number of steps is known from the probing run. */
import { NotLowered, type Lowering, type LoweringRule } from "./context.ts";

/** Steps of all directions up to which a recurrence is written out. */
const MAX_STEPS = 4000;

const plainActivations = new Set(["Sigmoid", "Tanh", "Relu", "Softsign", "Softplus", "HardSigmoid"]);

/** Geometry of a recurrent node, and its activations by direction. */
interface Recurrence {
  readonly steps: number;
  readonly batch: number;
  readonly inputs: number;
  readonly hidden: number;
  readonly directions: number;
  /** Whether direction `d` runs backwards in time. */
  readonly reverse: (d: number) => boolean;
  readonly activations: readonly string[];
}

/** What one direction is computed from. */
interface Direction {
  /** [steps] `X W^T` plus the biases that are simply added, `[batch, gates * hidden]` each. */
  readonly x: readonly string[];
  /** `R^T` `[hidden, gates * hidden]`. */
  readonly r: string;
  /** Bias of the recurrent part, `[gates * hidden]`, where the node has one. */
  readonly recurrentBias: string | undefined;
  readonly activations: readonly string[];
  readonly h0: string;
  /** Index of the direction. */
  readonly d: number;
}

/** Hidden states by step in the direction's own order, and last values of further states. */
interface Unrolled {
  readonly hidden: readonly string[];
  readonly cell?: string;
}

function recurrence(l: Lowering, defaults: readonly string[]): Recurrence {
  const time = l.int("layout", 0) === 0 ? 0 : 1;
  const [steps, batch] = [l.dims(0)[time]!, l.dims(0)[1 - time]!];
  const [directions, , inputs] = l.dims(1) as [number, number, number];
  const hidden = l.dims(2)[2]!;
  const lengths = l.integers(4);
  if (l.has(4) && (lengths === undefined || lengths.some((n) => n !== steps)))
    throw new NotLowered("sequences of several lengths");
  if (l.float("clip", 0) !== 0) throw new NotLowered("clip");
  if (l.int("input_forget", 0) !== 0) throw new NotLowered("input_forget");
  if (l.node.attribute.some((a) => /^activation_(alpha|beta)$/.test(a.name) && a.floats.length > 0))
    throw new NotLowered("parameters of activations");
  const stated = l.strings("activations");
  const activations = stated.length > 0 ? stated : Array.from({ length: directions }, () => defaults).flat();
  if (activations.some((a) => !plainActivations.has(a))) throw new NotLowered("activations");
  if (steps * directions > MAX_STEPS) throw new NotLowered(`more than ${MAX_STEPS} steps`);
  const direction = l.string("direction", "forward");
  return {
    steps,
    batch,
    inputs,
    hidden,
    directions,
    reverse: (d) => direction === "reverse" || d === 1,
    activations,
  };
}

/** One direction's part of an input whose first axis runs over directions, without that axis. */
function part(l: Lowering, i: number, d: number): string {
  const [directions, ...rest] = l.dims(i) as [number, ...number[]];
  const own = directions === 1 ? l.input(i) : l.split(l.input(i), directions, 0)[d]!;
  return l.reshape(own, rest);
}

/** An initial state `[batch, hidden]` of a direction; zeros where the node has none. */
function initialState(l: Lowering, i: number, d: number, r: Recurrence): string {
  if (!l.has(i)) return l.filled([r.batch, r.hidden], 0);
  const byDirection = l.int("layout", 0) === 0 ? l.input(i) : l.transpose(l.input(i), [1, 0, 2]);
  const own = r.directions === 1 ? byDirection : l.split(byDirection, r.directions, 0)[d]!;
  return l.reshape(own, [r.batch, r.hidden]);
}

/**
 * Writes every direction out and binds Y, Y_h and Y_c.
 *
 * @param separate gates (the last ones) whose recurrent bias is not simply added
 */
function unroll(
  l: Lowering,
  r: Recurrence,
  gates: number,
  separate: boolean,
  run: (direction: Direction) => Unrolled,
): void {
  const batchFirst = l.int("layout", 0) !== 0;
  const x = batchFirst ? l.transpose(l.input(0), [1, 0, 2]) : l.input(0);
  const rows = l.reshape(x, [r.steps * r.batch, r.inputs]);
  const width = gates * r.hidden;
  const results = Array.from({ length: r.directions }, (_, d) => {
    const projected = l.matmul(rows, l.transpose(part(l, 1, d), [1, 0]));
    const biases = l.has(3) ? l.split(part(l, 3, d), 2, 0) : undefined;
    const own =
      biases === undefined
        ? projected
        : l.add(projected, separate ? biases[0]! : l.add(biases[0]!, biases[1]!));
    const parts = l.split(l.reshape(own, [r.steps, r.batch * width]), r.steps, 0);
    const inTime = parts.map((p) => l.reshape(p, [r.batch, width]));
    const count = r.activations.length / r.directions;
    const unrolled = run({
      x: r.reverse(d) ? inTime.toReversed() : inTime,
      r: l.transpose(part(l, 2, d), [1, 0]),
      recurrentBias: separate ? biases?.[1] : undefined,
      activations: r.activations.slice(d * count, (d + 1) * count),
      h0: initialState(l, 5, d, r),
      d,
    });
    return {
      ...unrolled,
      last: unrolled.hidden.at(-1)!,
      inTime: r.reverse(d) ? unrolled.hidden.toReversed() : unrolled.hidden,
    };
  });
  if (l.isRead(0)) {
    const whole = results.map(({ inTime }) =>
      l.concat(
        inTime.map((h) => l.reshape(h, [1, 1, r.batch, r.hidden])),
        0,
      ),
    );
    const y = l.concat(whole, 1);
    l.bind(0, batchFirst ? l.transpose(y, [2, 0, 1, 3]) : y);
  }
  const states = (values: readonly string[]): string => {
    const all = l.concat(
      values.map((v) => l.reshape(v, [1, r.batch, r.hidden])),
      0,
    );
    return batchFirst ? l.transpose(all, [1, 0, 2]) : all;
  };
  if (l.isRead(1)) l.bind(1, states(results.map((u) => u.last)));
  if (l.isRead(2)) l.bind(2, states(results.map((u) => u.cell!)));
}

/** `it, ot, ft = f(...)`, `ct = g(...)`, `C = ft C + it ct`, `H = ot h(C)`; peepholes where given. */
const LSTM: LoweringRule = (l) => {
  const r = recurrence(l, ["Sigmoid", "Tanh", "Tanh"]);
  unroll(l, r, 4, false, (direction) => {
    const [f, g, h] = direction.activations as [string, string, string];
    const peepholes = l.has(7) ? l.split(part(l, 7, direction.d), 3, 0) : undefined;
    let [hidden, cell] = [direction.h0, initialState(l, 6, direction.d, r)];
    const all = direction.x.map((x) => {
      const gates = l.split(l.add(x, l.matmul(hidden, direction.r)), 4, 1) as [
        string,
        string,
        string,
        string,
      ];
      const peep = (gate: string, p: number, c: string): string =>
        peepholes === undefined ? gate : l.add(gate, l.mul(peepholes[p]!, c));
      const input = l.op(f, [peep(gates[0], 0, cell)]);
      const forget = l.op(f, [peep(gates[2], 2, cell)]);
      const candidate = l.op(g, [gates[3]]);
      cell = l.add(l.mul(forget, cell), l.mul(input, candidate));
      hidden = l.mul(l.op(f, [peep(gates[1], 1, cell)]), l.op(h, [cell]));
      return hidden;
    });
    return { hidden: all, cell };
  });
};

/** `zt, rt = f(...)`, `ht = g(...)`, `H = (1 - zt) ht + zt H`. */
const GRU: LoweringRule = (l) => {
  const r = recurrence(l, ["Sigmoid", "Tanh"]);
  const resetAfter = l.int("linear_before_reset", 0) !== 0;
  unroll(l, r, 3, true, (direction) => {
    const [f, g] = direction.activations as [string, string];
    const bias = direction.recurrentBias === undefined ? undefined : l.split(direction.recurrentBias, 3, 0);
    const recurrent = l.split(direction.r, 3, 1);
    const biased = (value: string, gate: number): string =>
      bias === undefined ? value : l.add(value, bias[gate]!);
    let hidden = direction.h0;
    const all = direction.x.map((x) => {
      const gates = l.split(x, 3, 1);
      const state = (gate: number, from = hidden): string => l.matmul(from, recurrent[gate]!);
      const gate = (i: number): string => l.op(f, [biased(l.add(gates[i]!, state(i)), i)]);
      const [update, reset] = [gate(0), gate(1)];
      const own = resetAfter ? l.mul(reset, biased(state(2), 2)) : biased(state(2, l.mul(reset, hidden)), 2);
      const candidate = l.op(g, [l.add(gates[2]!, own)]);
      hidden = l.add(candidate, l.mul(update, l.sub(hidden, candidate)));
      return hidden;
    });
    return { hidden: all };
  });
};

/** `H = f(X W^T + H R^T + b)`. */
const RNN: LoweringRule = (l) => {
  const r = recurrence(l, ["Tanh"]);
  unroll(l, r, 1, false, (direction) => {
    let hidden = direction.h0;
    const all = direction.x.map((x) => {
      hidden = l.op(direction.activations[0]!, [l.add(x, l.matmul(hidden, direction.r))]);
      return hidden;
    });
    return { hidden: all };
  });
};

export const recurrent: Readonly<Record<string, LoweringRule>> = { LSTM, GRU, RNN };
