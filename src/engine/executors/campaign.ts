/**
 * @file A campaign as it is announced: what its trials share, by hash, and what a worker must be to give the same bits.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import { QtamlError } from "../../errors.ts";
import { parseModel } from "../../onnx/index.ts";
import { isModuleName } from "../measures.ts";
import { bindWeights } from "../network.ts";
import { env } from "../runtime.ts";
import { openTrialRunner, type TrialContext, type TrialJob } from "../trial.ts";
import { hashOf, toParts, toText } from "./wire.ts";
import { cleanWeights } from "../../stored/index.ts";

const manifest: unknown = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));

/** What the outcomes of trials depend on besides their context. */
export const runtimeVersions = {
  qtaml: z.object({ version: z.string() }).parse(manifest).version,
  onnxruntime: env.versions.node ?? env.versions.common,
} as const;

export const campaignSchema = z.object({
  /** SHA-256 of everything that outcomes depend on. */
  id: z.string().regex(/^[0-9a-f]{64}$/),
  qtaml: z.string(),
  onnxruntime: z.string(),
  /** Hash of the context. */
  context: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number(),
  /** Samples that a trial judges. */
  samples: z.number(),
  /** A measure of the submitter's own: its code, by hash. */
  module: z
    .object({ file: z.string().regex(/^(?!\.)[^/\\]{1,120}$/), hash: z.string().regex(/^[0-9a-f]{64}$/) })
    .optional(),
  /** What the submitter's machine gives (`canaryOf`). */
  canary: z.string(),
});

/** A campaign as it is announced. */
export type Campaign = z.infer<typeof campaignSchema>;

/** A campaign and the content that it names. */
export interface PackedCampaign {
  readonly campaign: Campaign;
  /** By hash. */
  readonly blobs: ReadonlyMap<string, readonly Uint8Array[]>;
}

/**
 * What this machine gives, to the last bit: the hash of the clean outputs, and the squared error of one chip without
 * protection, summed exactly over the outputs. Another processor, another draw of faults or another decoder shows.
 */
export async function canaryOf(context: TrialContext): Promise<string> {
  const { tensors } = context;
  const model = parseModel(context.modelBytes);
  const prepared = { model, tensors, foldedNormalizations: 0 };
  const binder = await bindWeights(prepared, context.binder, context.provider);
  let clean: string;
  try {
    await binder.load(tensors.map(cleanWeights));
    const { values } = await binder.infer(context.data);
    clean = hashOf([new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]);
  } finally {
    await binder.close();
  }
  return hashOf([clean, await chipOf(context)]);
}

/** One chip without protection; nothing where the clean outputs are all zero, so that there is no error to measure. */
async function chipOf(context: TrialContext): Promise<string> {
  const bare: TrialJob = {
    trial: 0,
    protections: [
      context.tensors.map((t) => [{ start: 0, count: t.count, protectedMask: 0, decoder: "none" }]),
    ],
  };
  let runner;
  try {
    runner = await openTrialRunner({ ...context, measure: { name: "mse" } });
  } catch (error) {
    if (error instanceof QtamlError && error.code === "data-mismatch") return "";
    throw error;
  }
  try {
    return toText(await runner.run(bare));
  } finally {
    await runner.close();
  }
}

/** What stands for the path of a measure of one's own in a context that travels. */
const travelling = "./";

/** Packs a context for its way to other machines. @throws QtamlError `file-access` when the measure's module cannot be read */
export async function packCampaign(context: TrialContext): Promise<PackedCampaign> {
  const blobs = new Map<string, readonly Uint8Array[]>();
  const put = (parts: readonly Uint8Array[]) => {
    const hash = hashOf(parts);
    blobs.set(hash, parts);
    return hash;
  };
  const { measure } = context;
  let module: Campaign["module"];
  if (isModuleName(measure.name)) {
    try {
      module = { file: basename(measure.name), hash: put([readFileSync(measure.name)]) };
    } catch (cause) {
      throw new QtamlError("file-access", `Measure ${measure.name} cannot be read; check the path.`, {
        cause,
      });
    }
  }
  const name = module === undefined ? measure.name : travelling + module.file;
  const parts = toParts({ ...context, measure: { ...measure, name } } satisfies TrialContext);
  const content = put(parts);
  return {
    campaign: {
      id: hashOf([toText({ ...runtimeVersions, context: content, module })]),
      ...runtimeVersions,
      context: content,
      bytes: parts.reduce((sum, part) => sum + part.length, 0),
      samples: context.data.count,
      ...(module === undefined ? {} : { module }),
      canary: await canaryOf(context),
    },
    blobs,
  };
}

/** Why a worker of these versions cannot take part, or undefined. */
export function versionRefusal(campaign: Campaign): string | undefined {
  const { qtaml, onnxruntime } = runtimeVersions;
  if (campaign.qtaml !== qtaml) {
    return `the campaign is of qtaml ${campaign.qtaml} and this worker of ${qtaml}; install qtaml ${campaign.qtaml} here`;
  }
  if (campaign.onnxruntime !== onnxruntime) {
    return `the campaign runs on onnxruntime ${campaign.onnxruntime} and this worker on ${onnxruntime}; install onnxruntime-node ${campaign.onnxruntime} here`;
  }
  return undefined;
}
