/**
 * @file A memory whose chips a browser can try: the hardened model with its codes as inputs, and what to feed it. The
 * same chips as those of a campaign: equal seeds and ordinals draw equal faults.
 */
import { codeArray, receiveInto, type Codes } from "../channel/index.ts";
import { openFaults, usualFaults } from "../faults/index.ts";
import { spendBudget, type Spending } from "./budget.ts";
import type { PlanChoice } from "./protocol.ts";
import type { Network } from "./snapshot.ts";

/** What lies beside the model for the browser. */
export interface BrowserMemory {
  /** In the order of the network's tensors: the model's input that takes its codes, and the codes as bytes in base64. */
  readonly codes: readonly {
    readonly input: string;
    readonly type: "int8" | "uint8";
    readonly dims: readonly number[];
    readonly bytes: string;
  }[];
  /** The model's inputs for the samples. */
  readonly samples: { readonly input: string; readonly count: number; readonly dims: readonly number[] };
  /** Name of the output whose largest element is the answer, and how many elements a sample has. */
  readonly output: { readonly name: string; readonly classes: number };
  readonly labels: readonly number[];
}

/** Codes as a browser's runtime takes them. */
export interface ReceivedCodes {
  readonly input: string;
  readonly type: "int8" | "uint8";
  readonly dims: readonly number[];
  readonly codes: Int8Array | Uint8Array;
}

/** Reads chips under plans, every tensor as stored. */
export interface BrowserChips {
  /** [plans] what the memory of a chip yields. */
  readonly read: (chip: number) => ReceivedCodes[][];
  readonly clean: ReceivedCodes[];
}

const bytesOf = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** Opens the chips of a network under plans. */
export function openChips(
  memory: BrowserMemory,
  network: Network,
  plans: readonly PlanChoice[],
  seed: number,
): BrowserChips {
  const stored: Codes[] = memory.codes.map(({ bytes }) => bytesOf(bytes));
  const source = openFaults(
    network.memory.map(({ format }, t) => ({ codes: stored[t]!, bits: format.bits })),
    network.memory.map(({ flips }) => flips),
    usualFaults,
    seed,
  );
  const spent: Spending[] = plans.map(({ policy, budget }) => spendBudget(network, policy, budget));
  const fed = (t: number, codes: Codes): ReceivedCodes => {
    const { input, type, dims } = memory.codes[t]!;
    const bytes = Uint8Array.from(codes);
    return { input, type, dims, codes: type === "int8" ? new Int8Array(bytes.buffer) : bytes };
  };
  return {
    clean: stored.map((codes, t) => fed(t, codes)),
    read(chip) {
      const damage = source.draw({ trial: chip, read: 0 });
      return spent.map(({ segments }) =>
        network.memory.map(({ count, format }, t) => {
          const received = codeArray(format.bits, count);
          const { patterns } = damage[t]!;
          for (const { start, count: length, protectedMask } of segments[t]!) {
            const end = start + length;
            receiveInto(
              stored[t]!.subarray(start, end),
              patterns.subarray(start, end),
              protectedMask,
              received.subarray(start, end),
            );
          }
          return fed(t, received);
        }),
      );
    },
  };
}

/** Share of right answers. @param outputs [samples * classes] */
export function shareRight(
  outputs: ArrayLike<number>,
  { output: { classes }, labels }: Pick<BrowserMemory, "output" | "labels">,
): number {
  let right = 0;
  for (const [n, label] of labels.entries()) {
    let best = 0;
    let isFinite = true;
    for (let c = 0; c < classes; c++) {
      const value = outputs[n * classes + c]!;
      isFinite &&= Number.isFinite(value);
      if (value > outputs[n * classes + best]!) best = c;
    }
    if (isFinite && best === label) right++;
  }
  return right / labels.length;
}
