/** @file Finished chips as a table: a row for each chip under each plan. */
import type { ChipRecord } from "./record.ts";

/** A column of the table; all columns have as many rows. */
export type ChipColumn =
  | { readonly name: string; readonly type: "integer" | "number"; readonly data: readonly number[] }
  | { readonly name: string; readonly type: "text"; readonly data: readonly string[] }
  | { readonly name: string; readonly type: "flag"; readonly data: readonly boolean[] };

/**
 * The table of some chips, in their order: `chip`, `plan`, `score` (under the measure of the campaign), `samples`,
 * `non_finite` (samples), `hit` (whether an unprotected bit flipped), and for classifiers `changed`, `labelled`, `right`,
 * `clean_right`, `right_lost` (answers, as `measure.AnswerCounts` counts them).
 *
 * @param plans names of the plans in the order of the scores
 */
export function chipColumns(chips: ReadonlyMap<number, ChipRecord>, plans: readonly string[]): ChipColumn[] {
  const rows = [...chips]
    .sort(([a], [b]) => a - b)
    .flatMap(([chip, { outcome, scores }]) =>
      plans.map((plan, p) => ({
        chip,
        plan,
        score: scores[p]!,
        tally: outcome.tallies[p]!,
        isHit: outcome.isHit[p]!,
      })),
    );
  const table: ChipColumn[] = [
    { name: "chip", type: "integer", data: rows.map((row) => row.chip) },
    { name: "plan", type: "text", data: rows.map((row) => row.plan) },
    { name: "score", type: "number", data: rows.map((row) => row.score) },
    { name: "samples", type: "integer", data: rows.map((row) => row.tally.samples) },
    { name: "non_finite", type: "integer", data: rows.map((row) => row.tally.nonFinite) },
    { name: "hit", type: "flag", data: rows.map((row) => row.isHit) },
  ];
  const answers = rows.flatMap(({ tally }) => (tally.answers === undefined ? [] : [tally.answers]));
  if (rows.length === 0 || answers.length < rows.length) return table;
  const counts = {
    changed: "changed",
    labelled: "labelled",
    right: "right",
    clean_right: "cleanRight",
    right_lost: "rightLost",
  } as const;
  for (const [name, field] of Object.entries(counts)) {
    table.push({ name, type: "integer", data: answers.map((own) => own[field]) });
  }
  return table;
}
