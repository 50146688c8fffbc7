/** @file What the chips in a store say. */
import { openAccount, type Findings } from "./account.ts";
import { askedOf, type Asked } from "./asked.ts";
import type { ChipRecord } from "./record.ts";
import type { StoredCampaign } from "./store.ts";

/** A question that no chip settles, for campaigns whose request says nothing: the mean of all chips. */
const openQuestion: Asked = {
  question: { goal: { target: Number.NaN, higherIsBetter: true, range: [-Infinity, Infinity] } },
  stop: { kind: "settled", atMost: Infinity },
};

/**
 * What the finished chips of a campaign say: what the campaign itself said at its end, or would say if it were
 * interrupted now.
 *
 * @param campaign as its store has it
 * @param chips records by chip
 * @returns undefined where chips were judged on part of the images, and what the clean network scores there is not kept
 */
export function storedFindings(
  { identity, request }: Pick<StoredCampaign, "identity" | "request">,
  chips: ReadonlyMap<number, ChipRecord>,
): Findings | undefined {
  const asked = askedOf(request) ?? openQuestion;
  const isPart = identity.images < identity.data.samples;
  const isKnown = asked.parts !== undefined && [...chips.values()].every((c) => c.control !== undefined);
  if (isPart && !isKnown) return undefined;
  const account = openAccount(identity.plans.length, asked);
  account.advance(chips);
  return account.close(true);
}
