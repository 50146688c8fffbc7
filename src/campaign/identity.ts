/**
 * @file What the numbers of a campaign depend on, and its fingerprint: chips of campaigns with the same fingerprint can
 * be put together, others cannot.
 */
import { z } from "zod";
import { QtamlError } from "../errors.ts";
import type { Plan } from "../protect/index.ts";
import {
  contentDigest,
  digestSchema,
  simulationIdentitySchema,
  type SimulationIdentity,
} from "../simulation/index.ts";

/** A plan among those that the numbers of a campaign depend on. */
export interface PlanIdentity {
  /** What results call it. */
  readonly name: string;
  readonly overhead: number;
  /** Digest of what protects and decodes. */
  readonly sha256: string;
}

/** What the numbers of a campaign depend on. */
export interface CampaignIdentity extends SimulationIdentity {
  /** Images that a chip is judged on. */
  readonly images: number;
  readonly plans: readonly PlanIdentity[];
}

/** Schema of `CampaignIdentity`. */
export const identitySchema = simulationIdentitySchema.extend({
  images: z.number().int().positive(),
  plans: z.array(z.strictObject({ name: z.string(), overhead: z.number(), sha256: digestSchema })).min(1),
}) satisfies z.ZodType<CampaignIdentity>;

/** A plan's part of an identity: its content is what protects and decodes, whatever made it. */
export function planIdentity(plan: Plan, name: string): PlanIdentity {
  const { tensors, codebooks, shifts } = plan;
  const coded = codebooks.length === 0 ? tensors : { tensors, codebooks };
  const content = shifts.length === 0 ? coded : { coded, shifts };
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
