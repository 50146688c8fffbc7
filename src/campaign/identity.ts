/**
 * @file What the numbers of a campaign depend on, and its fingerprint: chips of campaigns with the same fingerprint can
 * be put together, others cannot.
 */
import { createHash, type Hash } from "node:crypto";
import { z } from "zod";
import { QtamlError } from "../errors.ts";
import { runtimeVersion, type TrialContext } from "../engine/index.ts";
import type { Plan } from "../protect/index.ts";
import { version } from "../version.ts";
import type { Assessment } from "./assess.ts";

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

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const settingSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** Schema of `CampaignIdentity`. */
export const identitySchema = z.strictObject({
  /** Versions of this package, of the ONNX runtime and of the sampling scheme. */
  qtaml: z.string(),
  runtime: z.string(),
  sampling: z.number().int(),
  model: z.strictObject({ name: z.string(), sha256: digest }),
  /** The judged output. */
  output: z.string(),
  /** Digests of what the memory holds, of its flip probabilities, and of those the decoders were made for. */
  storage: digest,
  memory: digest,
  decoders: digest,
  data: z.strictObject({ samples: z.number().int().positive(), sha256: digest }),
  measure: z.string(),
  seed: z.number().int().nonnegative(),
  /** Images that a chip is judged on. */
  images: z.number().int().positive(),
  plans: z.array(z.strictObject({ name: z.string(), overhead: z.number(), sha256: digest })).min(1),
  /** All other settings of a trial: where errors come from, fault models and regimes; long ones as their digest. */
  settings: z.record(z.string(), settingSchema),
});

/** What the numbers of a campaign depend on. */
export type CampaignIdentity = z.infer<typeof identitySchema>;

/** A short setting as it is, a long one as its digest. */
function setting(value: unknown): z.infer<typeof settingSchema> {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return contentDigest(value);
}

/** What does not depend on the plans. */
export type SimulationIdentity = Omit<CampaignIdentity, "plans" | "images">;

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

/** A plan's part of an identity: its content is what protects and decodes, whatever made it. */
export function planIdentity(plan: Plan, name: string): CampaignIdentity["plans"][number] {
  const { tensors, codebooks } = plan;
  const content = codebooks.length === 0 ? tensors : { tensors, codebooks };
  return { name, overhead: plan.overhead, sha256: contentDigest(content) };
}

/** The identity without what only names things. */
function essence(identity: CampaignIdentity) {
  return {
    ...identity,
    model: identity.model.sha256,
    plans: identity.plans.map((plan) => plan.sha256),
  };
}

/** SHA-256 of everything that the numbers depend on; names of files do not count. */
export function fingerprint(identity: CampaignIdentity): string {
  return contentDigest(essence(identity));
}

/** What differs between the identity of a stored campaign and another one, in words. */
export function differences(then: CampaignIdentity, now: CampaignIdentity): string[] {
  const found: string[] = [];
  const differ = (a: unknown, b: unknown) => contentDigest(a) !== contentDigest(b);
  const both = (what: string, a: unknown, b: unknown) => {
    if (differ(a, b)) found.push(`${what} (${String(a)} then, ${String(b)} now)`);
  };
  const content = (what: string, a: unknown, b: unknown) => {
    if (differ(a, b)) found.push(what);
  };
  both("the version of qtaml", then.qtaml, now.qtaml);
  both("the version of the ONNX runtime", then.runtime, now.runtime);
  both("the sampling scheme", then.sampling, now.sampling);
  if (then.model.sha256 !== now.model.sha256) {
    found.push(
      then.model.name === now.model.name
        ? `the content of the model ${now.model.name}`
        : `the model (${then.model.name} then, ${now.model.name} now)`,
    );
  }
  both("the judged output", then.output, now.output);
  content("what the memory holds", then.storage, now.storage);
  content("the flip probabilities of the memory", then.memory, now.memory);
  content("the flip probabilities that the plans were made for", then.decoders, now.decoders);
  if (then.data.samples === now.data.samples) content("the data", then.data, now.data);
  else both("the number of samples", then.data.samples, now.data.samples);
  both("the measure", then.measure, now.measure);
  both("the seed", then.seed, now.seed);
  both("the images a chip is judged on", then.images, now.images);
  const names = (identity: CampaignIdentity) => identity.plans.map((plan) => plan.name).join(", ");
  const hashes = (identity: CampaignIdentity) => identity.plans.map((plan) => plan.sha256);
  if (differ(hashes(then), hashes(now))) {
    if (names(then) === names(now)) found.push(`the content of ${names(now)}`);
    else both("the plans", names(then), names(now));
  }
  for (const name of new Set([...Object.keys(then.settings), ...Object.keys(now.settings)])) {
    const [a, b] = [then.settings[name], now.settings[name]];
    if (differ(a, b)) found.push(`the setting "${name}"`);
  }
  return found;
}

/**
 * Refuses to put chips of different campaigns together.
 *
 * @param where what to call the stored campaign in an error
 * @throws QtamlError `campaign-mismatch` that names what differs
 */
export function checkIdentity(then: CampaignIdentity, now: CampaignIdentity, where: string): void {
  if (fingerprint(then) === fingerprint(now)) return;
  const found = differences(then, now);
  throw new QtamlError(
    "campaign-mismatch",
    `${where} differs in ${found.join("; ")}: chips of different campaigns are never mixed. Give the same settings to go on with it, or another --name or --store to begin a new one.`,
  );
}
