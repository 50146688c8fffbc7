/** @file One chip looked at closely: which answers it changes, and which of its flipped bits are to blame. */
import { sliceDataset, type Dataset } from "../data/index.ts";
import type { FlipProbabilities } from "../channel/index.ts";
import {
  bindWeights,
  chooseBinder,
  openMemoryReader,
  outputSize,
  settleBatching,
  type Protection,
  type WeightBinder,
} from "../engine/index.ts";
import { openFaults, usualFaults, type FaultDescription } from "../faults/index.ts";
import { protectedBitsOf, storedBits, type Plan } from "../protect/index.ts";
import { QtamlError } from "../errors.ts";
import { cleanNetwork, type Assessment } from "../assessment/index.ts";
import { planProtection } from "../simulation/index.ts";

/** A bit plane of a tensor. */
export interface BitPlane {
  /** Name of the tensor. */
  readonly tensor: string;
  /** Bit of each of its codes, 0 the least significant. */
  readonly bit: number;
}

/** A sample whose answer the chip changed. */
export interface ChangedSample {
  /** Of the sample in the data. */
  readonly index: number;
  /** Answers: the largest output, the first of equals; -1 where an output is not finite. */
  readonly clean: number;
  readonly chip: number;
  /** The right answer, where labels are known. */
  readonly label: number | null;
  /** Bit planes each of which alone, protected as well, brings the clean answer back. */
  readonly causes: readonly BitPlane[];
}

/** One chip replayed. */
export interface ChipReplay {
  /** Ordinal of the chip. */
  readonly chip: number;
  readonly overhead: number;
  readonly samples: number;
  /** Samples whose answer differs from that of the clean network. */
  readonly changed: readonly ChangedSample[];
  /** [tensors][B] unprotected bits that flipped, bit 0 first. */
  readonly flips: readonly { readonly tensor: string; readonly byBit: readonly number[] }[];
}

/** What is replayed. */
export interface ReplayOptions {
  /** Ordinal of the chip. */
  readonly chip: number;
  readonly seed?: number;
  /** Samples that are looked at, the first so many; 500 unless told. */
  readonly most?: number;
  /** Whether each bit plane is mended alone, which runs the network once for each; true unless told. */
  readonly findCauses?: boolean;
  /** Flip probabilities that the plan's decoders were made for, by tensor; the memory's own by default. */
  readonly designFlips?: readonly FlipProbabilities[];
  /** How cells are damaged; independent flips unless given. */
  readonly faults?: FaultDescription;
  readonly onProgress?: (done: number, total: number) => void;
}

const usualMost = 500;

function answers(values: Float32Array, classes: number): Int32Array {
  return Int32Array.from({ length: values.length / classes }, (_, n) => {
    const row = values.subarray(n * classes, (n + 1) * classes);
    if (!row.every(Number.isFinite)) return -1;
    return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
  });
}

/** @throws QtamlError `unsupported-model` where the output is not one row of numbers a sample */
async function answersBy(
  binder: WeightBinder,
  weights: readonly Float32Array[],
  data: Dataset,
): Promise<Int32Array> {
  await binder.load(weights);
  const output = await binder.infer(data);
  if (output.dims.filter((d) => d > 1).length !== 1) {
    throw new QtamlError(
      "unsupported-model",
      "A replay compares answers, and this output is not one row of numbers a sample; watch a campaign instead.",
    );
  }
  return answers(output.values, outputSize(output));
}

/** Counts the flipped bits that a plan leaves unprotected. */
function countFlips(
  { tensors, memory }: Assessment,
  protection: Protection,
  faults: FaultDescription,
  { seed, chip }: { readonly seed: number; readonly chip: number },
) {
  const source = openFaults(
    tensors.map(({ codes, format }) => ({ codes, bits: format.bits })),
    memory.map((t) => t.flips),
    faults,
    seed,
  );
  const damage = source.draw({ trial: chip, read: 0 });
  return tensors.map((tensor, t) => {
    const byBit = Array.from({ length: tensor.format.bits }, () => 0);
    const { patterns } = damage[t]!;
    for (const { start, count, protectedMask } of protection[t]!) {
      for (let i = start; i < start + count; i++) {
        const flipped = patterns[i]! & ~protectedMask;
        for (let k = 0; flipped >> k !== 0; k++) if ((flipped >> k) & 1) byBit[k]!++;
      }
    }
    return { tensor: tensor.name, byBit };
  });
}

/**
 * Replays a chip under a plan.
 *
 * @throws QtamlError `unsupported-model` where the output is not one row of numbers a sample, `invalid-argument` for faults
 *   that differ from read to read
 */
export async function replayChip(
  assessment: Assessment,
  given: Dataset,
  plan: Plan,
  options: ReplayOptions,
): Promise<ChipReplay> {
  const { chip, seed = 0, most = usualMost, findCauses = true, faults = usualFaults, onProgress } = options;
  if (faults.regime === "redrawn") {
    throw new QtamlError(
      "invalid-argument",
      "A replay asks which flipped bits change an answer, and with --regime redrawn they are others at each read: replay a campaign of quenched chips.",
    );
  }
  const { judged, memory, tensors } = assessment;
  const part = most < given.count ? sliceDataset(given, 0, most) : given;
  const data = await settleBatching(judged.model, part);
  const protection = planProtection(plan);
  const flips = memory.map((t) => t.flips);
  const reader = openMemoryReader(
    { tensors, flips, designFlips: options.designFlips ?? flips, seed, faults },
    "faults",
  );
  const { network, weights } = cleanNetwork(assessment);
  const reference = await bindWeights(network, chooseBinder(network));
  const clean = await answersBy(reference, weights, data).finally(() => reference.close());
  const binder = await bindWeights(judged, chooseBinder(judged));
  try {
    const run = (weights: readonly Float32Array[]) => answersBy(binder, weights, data);
    reader.draw(chip);
    const faulty = await run(reader.read(protection).weights);
    const places = Array.from(clean.keys()).filter((n) => clean[n] !== faulty[n]);
    const counted = countFlips(assessment, protection, faults, { seed, chip });
    const causes = new Map<number, BitPlane[]>(places.map((n) => [n, []]));
    const planes = counted.flatMap(({ tensor, byBit }, t) =>
      byBit.flatMap((flipped, bit) => (flipped > 0 ? [{ t, tensor, bit }] : [])),
    );
    if (findCauses && places.length > 0) {
      for (const [done, { t, tensor, bit }] of planes.entries()) {
        onProgress?.(done, planes.length);
        const mended = protection.map((segments, i) =>
          i === t ? segments.map((s) => ({ ...s, protectedMask: s.protectedMask | (1 << bit) })) : segments,
        );
        const without = await run(reader.read(mended).weights);
        for (const n of places) if (without[n] === clean[n]) causes.get(n)!.push({ tensor, bit });
      }
      onProgress?.(planes.length, planes.length);
    }
    const labels = data.labels?.dims.length === 0 ? data.labels.data : undefined;
    const bits = plan.tensors.reduce((sum, tensor) => sum + protectedBitsOf(tensor.segments), 0);
    return {
      chip,
      overhead: bits / storedBits(memory),
      samples: data.count,
      changed: places.map((n) => ({
        index: n,
        clean: clean[n]!,
        chip: faulty[n]!,
        label: labels?.[n] ?? null,
        causes: causes.get(n)!,
      })),
      flips: counted,
    };
  } finally {
    await binder.close();
  }
}
