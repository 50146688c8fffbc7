/** @file From a description to the faults of chips. */
import { TensorDamage, type StoredCodeArray } from "./damage.ts";
import { burstFlips } from "./bursts.ts";
import { inOrder, type FaultDescription, type FaultModel } from "./description.ts";
import { stuckCells, wordLineFaults } from "./hard.ts";
import { independentFlips } from "./independent.ts";
import { mapCells } from "./layout.ts";
import type { DrawAddress, FaultMechanism, FaultyMemory } from "./mechanism.ts";
import { thicknessFlips } from "./thickness.ts";
import type { FlipProbabilities } from "../channel/index.ts";

/** Draws the faults of chips, all cells of a memory, protected or not: what a plan protects is masked afterwards. */
export interface FaultSource {
  /** The faults of a chip at one of its reads, by tensor; overwritten by the next call. */
  draw(address: DrawAddress): readonly TensorDamage[];
}

function open(model: FaultModel, memory: FaultyMemory): FaultMechanism {
  switch (model.model) {
    case "independent":
      return independentFlips(memory);
    case "burst":
      return burstFlips(memory, model.length);
    case "thickness":
      return thicknessFlips(memory, model);
    case "word-line":
      return wordLineFaults(memory, model);
    case "stuck-at":
      return stuckCells(memory, model);
  }
}

/**
 * Opens a source of faults. Flips come first, then word lines, then stuck cells, which nothing moves.
 *
 * @param tensors the stored codes
 * @param flips flip probabilities of each tensor's cells in one refresh interval
 * @param faults what faults the memory has
 * @throws QtamlError `invalid-argument` for parameters that the flip probabilities do not allow
 */
export function openFaults(
  tensors: readonly StoredCodeArray[],
  flips: readonly FlipProbabilities[],
  { models, layout, intervals }: FaultDescription,
  seed: number,
): FaultSource {
  const sizes = tensors.map(({ codes, bits }) => ({ count: codes.length, bits }));
  const memory: FaultyMemory = { tensors, flips, cells: mapCells(sizes, layout), intervals, seed };
  const hasFlips = models.some((m) => m.model !== "word-line" && m.model !== "stuck-at");
  const all: readonly FaultModel[] = hasFlips ? models : [{ model: "independent" }, ...models];
  const mechanisms = inOrder(all).map((model) => open(model, memory));
  const chip = tensors.map((tensor) => new TensorDamage(tensor));
  return {
    draw(address) {
      for (const tensor of chip) tensor.clear();
      for (const mechanism of mechanisms) mechanism.damage(address, chip);
      return chip;
    },
  };
}
