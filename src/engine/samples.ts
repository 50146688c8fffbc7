/**
 * @file Part of the samples for a chip: runs of samples in an order that is shuffled once a campaign, so that any run
 * is a random part of them.
 */
import { addressedStreams, nextUniform } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";

/** Neighbours in the shuffled order: `count` samples from place `from` on; after the last place comes the first. */
export interface SampleRun {
  /** A whole number from 0; taken modulo the number of samples. */
  readonly from: number;
  /** 1 to the number of samples. */
  readonly count: number;
}

/** Streams of the order of samples are independent of those of faults. */
const orderPurpose = 7;

/** [count] the samples in the order of a seed (Fisher and Yates). The same everywhere. */
export function sampleOrder(seed: number, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const state = addressedStreams({ seed, trial: 0, tensor: 0 }, orderPurpose)(0);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.ceil(nextUniform(state) * (i + 1)) - 1;
    const held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  return order;
}

/**
 * Places in the data set of the samples of a run, in the shuffled order.
 *
 * @param run the first place in the order, and how many samples
 * @throws QtamlError `invalid-argument` for a run that is empty or longer than the order
 */
export function samplesOfRun(order: Uint32Array, { from, count }: SampleRun): Uint32Array {
  const total = order.length;
  if (!(Number.isSafeInteger(from) && from >= 0 && Number.isInteger(count) && count >= 1 && count <= total)) {
    throw new QtamlError(
      "invalid-argument",
      `There is no run of ${count} samples from place ${from} among ${total}; give whole numbers, and at most all samples.`,
    );
  }
  return Uint32Array.from({ length: count }, (_, i) => order[(from + i) % total]!);
}
