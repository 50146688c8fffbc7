/**
 * @file Squared norms of gradients for one group of samples at a time: tape, prelude and adjoint in this thread. A
 * group is one sample, or the samples of one call where the model's batch is fixed.
 */
import type { InferenceSession } from "onnxruntime-node";
import { addressedStreams, nextUint32, nextUniform } from "../channel/index.ts";
import type { Dataset } from "../data/index.ts";
import type { ModelIo } from "./io.ts";
import { bindInputs } from "./feed.ts";
import { openSession, runSession, Tensor, type Values } from "./session.ts";

/** What all jobs share. Plain data: it can be sent to another thread. */
export interface GradientContext {
  /** Serialised models of a gradient graph whose outputs are squared norms by channel. */
  readonly tape: Uint8Array;
  readonly prelude: Uint8Array | undefined;
  readonly adjoint: Uint8Array;
  readonly taped: readonly string[];
  readonly preludeTaped: readonly string[];
  readonly seedInput: string;
  /** The adjoint's outputs in the order of the tensors. */
  readonly outputs: readonly string[];
  readonly io: ModelIo;
  readonly data: Dataset;
  /** Samples of a group. */
  readonly size: number;
  readonly seed: number;
}

/** Which seeds to send through which group. */
export interface GradientJob {
  readonly group: number;
  /** "exact": all contrasts of the logits; otherwise random probes from this one to that one (exclusive). */
  readonly probes: "exact" | readonly [from: number, to: number];
}

/** Squared norms, averaged over the samples of the group. */
export interface GradientOutcome {
  /** [seeds along the common direction][tensors] */
  readonly common: readonly Float64Array[];
  /** [probes][tensors], or [1][tensors] with the sum over all contrasts. */
  readonly contrast: readonly Float64Array[];
  /** By channel, all tensors one after the other, summed over the seeds of each kind. */
  readonly commonChannels: Float64Array;
  readonly contrastChannels: Float64Array;
}

/** Runs jobs one after the other. */
export interface GradientRunner {
  run(job: GradientJob): Promise<GradientOutcome>;
  close(): Promise<void>;
}

/** Along the direction in which all logits of a sample move alike; of random sign where samples share a call. */
function commonSeed(size: number, classes: number, sign: () => number): Float32Array {
  const seed = new Float32Array(size * classes);
  for (let n = 0; n < size; n++)
    seed.fill((size === 1 ? 1 : sign()) / Math.sqrt(classes), n * classes, (n + 1) * classes);
  return seed;
}

/** Helmert's contrast `k` of one sample: with the common direction they are an orthonormal basis. */
function helmertSeed(classes: number, k: number): Float32Array {
  const seed = new Float32Array(classes);
  seed.fill(1 / Math.sqrt(k * (k + 1)), 0, k);
  seed[k] = -Math.sqrt(k / (k + 1));
  return seed;
}

/**
 * As many plus as minus signs in random places (and a zero where a sample has an odd number of logits), brought to the
 * squared length `C - 1`: by symmetry `E s s^T = I - 11^T/C`.
 */
function contrastSeed(size: number, classes: number, random: Int32Array): Float32Array {
  const seed = new Float32Array(size * classes);
  const half = Math.floor(classes / 2);
  const value = classes % 2 === 0 ? Math.sqrt((classes - 1) / classes) : 1;
  for (let n = 0; n < size; n++) {
    const own = seed
      .subarray(n * classes, (n + 1) * classes)
      .fill(value, 0, half)
      .fill(-value, half, 2 * half);
    for (let i = classes - 1; i > 0; i--) {
      const j = Math.floor(nextUniform(random) * (i + 1));
      [own[i], own[j]] = [own[j]!, own[i]!];
    }
  }
  return seed;
}

/** Bytes that the runtime takes: it refuses memory that threads share. */
const ownBytes = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer instanceof SharedArrayBuffer ? bytes.slice() : bytes;

/** Opens sessions, all or none. */
async function openSessions(models: readonly Uint8Array[]): Promise<InferenceSession[]> {
  const sessions: InferenceSession[] = [];
  try {
    for (const model of models) sessions.push(await openSession(ownBytes(model)));
    return sessions;
  } catch (error) {
    await Promise.all(sessions.map((session) => session.release()));
    throw error;
  }
}

/** Opens the sessions of a context. @throws QtamlError `unsupported-model` */
export async function openGradientRunner(context: GradientContext): Promise<GradientRunner> {
  const { io, size, seed } = context;
  const inputs = bindInputs(io, context.data);
  const sessions = await openSessions(
    [context.tape, context.adjoint, context.prelude].filter((model) => model !== undefined),
  );
  const [tape, adjoint, prelude] = sessions as [InferenceSession, InferenceSession, InferenceSession?];
  const needed = new Set(adjoint.inputNames);

  const forward = async (group: number): Promise<{ feeds: Values; logits: Tensor }> => {
    const given = inputs.feeds(group * size, (group + 1) * size);
    const values: Values = { ...(await runSession(tape, given)), ...given };
    const pick = (names: readonly string[]): Values =>
      Object.fromEntries(names.map((name) => [name, values[name]!]));
    const shared = prelude === undefined ? {} : await runSession(prelude, pick(context.preludeTaped));
    const feeds = { ...pick(context.taped.filter((name) => needed.has(name))), ...shared };
    return { feeds, logits: values[io.output]! };
  };

  return {
    async run({ group, probes }) {
      const { feeds, logits } = await forward(group);
      const classes = logits.size / size;
      const channels: { common?: Float64Array; contrast?: Float64Array } = {};
      const squares = async (kind: "common" | "contrast", values: Float32Array): Promise<Float64Array> => {
        const found = await runSession(adjoint, {
          ...feeds,
          [context.seedInput]: new Tensor("float32", values, logits.dims),
        });
        const parts = context.outputs.map((name) => found[name]!.data as Float32Array);
        const length = parts.reduce((n, part) => n + part.length, 0);
        const sums = (channels[kind] ??= new Float64Array(length));
        let at = 0;
        return Float64Array.from(parts, (part) => {
          let total = 0;
          for (const v of part) {
            total += v;
            sums[at++]! += v / size;
          }
          return total / size;
        });
      };
      const common: Float64Array[] = [];
      const contrast: Float64Array[] = [];
      if (probes === "exact") {
        common.push(
          await squares(
            "common",
            commonSeed(1, classes, () => 1),
          ),
        );
        const sum = new Float64Array(context.outputs.length);
        for (let k = 1; k < classes; k++) {
          const norms = await squares("contrast", helmertSeed(classes, k));
          norms.forEach((v, t) => (sum[t]! += v));
        }
        contrast.push(sum);
      } else {
        for (let probe = probes[0]; probe < probes[1]; probe++) {
          const random = addressedStreams({ seed, trial: group, tensor: probe }, 3)(0);
          const sign = () => (nextUint32(random) >>> 31) * 2 - 1;
          if (size > 1 || probe === 0) common.push(await squares("common", commonSeed(size, classes, sign)));
          contrast.push(await squares("contrast", contrastSeed(size, classes, random)));
        }
      }
      const length = (channels.common ?? channels.contrast)!.length;
      return {
        common,
        contrast,
        commonChannels: channels.common ?? new Float64Array(length),
        contrastChannels: channels.contrast ?? new Float64Array(length),
      };
    },
    async close() {
      for (const session of sessions) await session.release();
    },
  };
}
