/**
 * @file Stored tensors as the room of protection sees them, without a network.
 */
import { numberFormat, symmetricFlips, type FlipProbabilities } from "../src/channel/index.ts";
import type { MemoryTensor } from "../src/protect/index.ts";

/** What is told of a tensor; the rest has defaults. */
export interface MemoryTensorParts {
  readonly name?: string;
  readonly count: number;
  readonly format?: string;
  /** Symmetric flip probability, or the whole channel. */
  readonly flips?: number | FlipProbabilities;
  readonly meanSquareStep?: number;
  readonly stepSensitivity?: number | undefined;
}

/** A stored tensor with a bell-shaped histogram of codes. */
export function memoryTensor(parts: MemoryTensorParts): MemoryTensor {
  const { name = "w", count, flips = 0.1, meanSquareStep = 1 } = parts;
  const format = numberFormat(parts.format ?? "int8");
  return {
    name,
    count,
    format,
    histogram: format.values.map((v) =>
      Number.isFinite(v) ? 1 + 1000 * Math.exp(-8 * (v / format.largest) ** 2) : 0,
    ),
    flips: typeof flips === "number" ? symmetricFlips(flips, format.bits) : flips,
    meanSquareStep,
    stepSensitivity: "stepSensitivity" in parts ? parts.stepSensitivity : 1,
  };
}
