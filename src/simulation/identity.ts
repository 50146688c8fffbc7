/** @file What the numbers of a simulation depend on, besides the plans. */
import { createHash, type Hash } from "node:crypto";
import { z } from "zod";
import { runtimeVersion, type TrialContext } from "../engine/index.ts";
import { version } from "../version.ts";
import type { Assessment } from "../assessment/index.ts";

/**
 * Version of the way from (seed, chip) to faults and images; to be raised whenever that changes, so that stores of
 * before are refused instead of mixed.
 */
export const samplingScheme = 2;

function feed(hash: Hash, value: unknown): void {
  if (ArrayBuffer.isView(value)) {
    hash.update(`${value.constructor.name}:${value.byteLength}:`);
    hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  } else if (Array.isArray(value)) {
    hash.update(`[${value.length}:`);
    value.forEach((part) => feed(hash, part));
  } else if (value instanceof Map) {
    const entries = [...value].map(([k, v]) => [String(k), v] as const);
    hash.update(`map${entries.length}:`);
    for (const [key, part] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) feed(hash, [key, part]);
  } else if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, part]) => part !== undefined);
    hash.update(`{${entries.length}:`);
    for (const [key, part] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) feed(hash, [key, part]);
  } else {
    const text = typeof value === "number" ? String(value) : JSON.stringify(value);
    hash.update(`${typeof value}:${text ?? ""};`);
  }
}

/**
 * SHA-256, in hexadecimal, of a value's content: plain objects, arrays, maps, typed arrays, texts and numbers. Fields
 * that are undefined do not count, nor does the order of fields.
 */
export function contentDigest(value: unknown): string {
  const hash = createHash("sha256");
  feed(hash, value);
  return hash.digest("hex");
}

/** SHA-256 in hexadecimal. */
export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/);
const settingSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** What the numbers of a simulation depend on, besides the plans. */
export interface SimulationIdentity {
  /** Version of this package. */
  readonly qtaml: string;
  /** Version of the ONNX runtime. */
  readonly runtime: string;
  /** Version of the way from a seed and a chip to faults: `samplingScheme`. */
  readonly sampling: number;
  /** Name of the model's file and its `ModelFile.sha256`. */
  readonly model: { readonly name: string; readonly sha256: string };
  /** Name of the judged output. */
  readonly output: string;
  /** Digest of what the memory holds. */
  readonly storage: string;
  /** Digest of the memory's flip probabilities. */
  readonly memory: string;
  /** Digest of the flip probabilities that the decoders were made for. */
  readonly decoders: string;
  /** Number of samples, and a digest of inputs and labels. */
  readonly data: { readonly samples: number; readonly sha256: string };
  /** The measure with its options; with the digest of a module of the user's own. */
  readonly measure: string;
  /** Faults follow from it and the number of a chip. */
  readonly seed: number;
  /** All other settings of a trial: where errors come from, fault models and regimes; long ones as their digest. */
  readonly settings: Readonly<Record<string, string | number | boolean | null>>;
}

/** Schema of `SimulationIdentity`. */
export const simulationIdentitySchema = z.strictObject({
  qtaml: z.string(),
  runtime: z.string(),
  sampling: z.number().int(),
  model: z.strictObject({ name: z.string(), sha256: digestSchema }),
  output: z.string(),
  storage: digestSchema,
  memory: digestSchema,
  decoders: digestSchema,
  data: z.strictObject({ samples: z.number().int().positive(), sha256: digestSchema }),
  measure: z.string(),
  seed: z.number().int().nonnegative(),
  settings: z.record(z.string(), settingSchema),
}) satisfies z.ZodType<SimulationIdentity>;

/** A short setting as it is, a long one as its digest. */
function setting(value: unknown): z.infer<typeof settingSchema> {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return contentDigest(value);
}

/** The identity of a simulation. @param measure content of a measure of the user's own, its name otherwise */
export function simulationIdentity(
  assessment: Assessment,
  context: TrialContext,
  measure: unknown,
): SimulationIdentity {
  const { modelBytes, tensors, flips, designFlips, data, clean, scale, seed, ...settings } = context;
  void [modelBytes, tensors, clean, scale];
  const chosen = settings.measure;
  return {
    qtaml: version,
    runtime: runtimeVersion,
    sampling: samplingScheme,
    model: { name: assessment.model.name, sha256: assessment.model.sha256 },
    output: assessment.judged.model.graph.output[0]?.name ?? "",
    storage: contentDigest(assessment.storage),
    memory: contentDigest(flips),
    decoders: contentDigest(designFlips),
    data: { samples: data.count, sha256: contentDigest(data) },
    measure: JSON.stringify({ ...chosen, name: measure }),
    seed,
    settings: Object.fromEntries(
      Object.entries(settings)
        .filter(([name, value]) => name !== "measure" && value !== undefined)
        .map(([name, value]) => [name, setting(value)]),
    ),
  };
}
