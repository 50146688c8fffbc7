/**
 * @file A campaign as it is announced: what its trials share, by hash, and what a worker must be to give the same bits.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { env } from "onnxruntime-node";
import { z } from "zod";
import { QtamlError } from "../../errors.ts";
import { isModuleName } from "../measures.ts";
import { openTrialRunner, type TrialContext, type TrialJob } from "../trial.ts";
import { hashOf, toParts, toText } from "./wire.ts";

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
  /** What one trial gave on the submitter's machine, to the last bit; none where the outputs are all zero. */
  canary: z.string().optional(),
  /** Trials of a shard, once it is known how long they take. */
  shardTrials: z.number().int().positive().optional(),
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
 * What one chip without protection gives on this machine: the squared error of every output, summed exactly, so that
 * another bit in any output, in the draw of faults or in a decoder shows. Undefined where there is no signal to compare with.
 */
export async function canaryOf(context: TrialContext): Promise<string | undefined> {
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
    if (error instanceof QtamlError && error.code === "data-mismatch") return undefined;
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
      ...optional("canary", await canaryOf(context)),
    },
    blobs,
  };
}

const optional = <K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } =>
  value === undefined ? {} : ({ [key]: value } as { [P in K]: T });

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
