/** @file Cells that flip independently, each with the memory's probabilities: the samplers of `channel`. */
import { exposedFlips, flipSampler } from "../channel/index.ts";
import { readWord, type FaultMechanism, type FaultyMemory } from "./mechanism.ts";

/** After n intervals a cell has the closed form of the composed channel: one draw, whatever n is. */
export function independentFlips({ tensors, flips, intervals, seed }: FaultyMemory): FaultMechanism {
  const samplers = flips.map((f) => flipSampler(exposedFlips(f, intervals)));
  return {
    damage({ trial, read }, chip) {
      tensors.forEach(({ codes }, t) => {
        const address = { seed, trial, tensor: readWord(read, t) };
        const sampler = samplers[t]!;
        if (sampler.method === "dense") sampler.drawPatterns(address, codes, chip[t]!.overwrite());
        else chip[t]!.take(sampler.drawFaults(address, codes));
      });
    },
  };
}
