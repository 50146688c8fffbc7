/** @file The tables of docs/conformance.md, from the counts. */
import type { Expected } from "./expected.ts";
import { realModels } from "./models.ts";

/** Counts by kind, in words. */
export const list = (tally: Readonly<Record<string, number>>) =>
  Object.entries(tally)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");

const row = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;

const thousands = (n: number) => n.toLocaleString("en-GB");

/**
 * The table of published models.
 *
 * @param isEqual whether the clean hardened model computed the same bits
 */
export function modelTable(models: Expected["models"], isEqual: (id: string) => boolean): string[] {
  const rows = realModels.map((model) => {
    const counts = models[model.id]!;
    const stopped = counts.stoppedBy.length === 0 ? "" : ` (stopped by ${counts.stoppedBy.join(", ")})`;
    return row([
      `${model.what}, \`${model.file.split("/").at(-1)!}\``,
      counts.tensors,
      thousands(counts.weights),
      list(counts.operators),
      `${list(counts.methods)}${stopped}`,
      isEqual(model.id) ? "equal" : "equal to rounding",
    ]);
  });
  return [
    row(["model", "tensors", "weights", "used by", "Jacobian by", "hardened, clean"]),
    "|---|---:|---:|---|---|---|",
    ...rows,
  ];
}

/** The columns of the suites' table, each with what a test must have come to. */
const columns: readonly (readonly [title: string, counts: (outcome: string) => boolean])[] = [
  ["tests", () => true],
  ["written as read", (o) => o.startsWith("same/")],
  ["same outputs", (o) => o.includes("/same/")],
  ["not run: the runtime or its binding refuses", (o) => o.includes("/unrun/")],
  ["hardened: same outputs as quantised", (o) => /hardened|adopted/.test(o)],
  ["of these already quantised: same as published", (o) => o.endsWith("adopted")],
  ["no weights to store", (o) => o.endsWith("no-weights")],
  ["refused with a sentence", (o) => o.endsWith("/refused") || o.startsWith("refused")],
];

/** The table of the suites. */
export function suiteTable(suites: Expected["suites"]): string[] {
  const rows = Object.entries(suites).map(([suite, outcomes]) =>
    row([
      suite,
      ...columns.map(([, counts]) =>
        Object.entries(outcomes).reduce((sum, [outcome, count]) => sum + (counts(outcome) ? count : 0), 0),
      ),
    ]),
  );
  return [
    row(["suite", ...columns.map(([title]) => title)]),
    `|---|${"---:|".repeat(columns.length)}`,
    ...rows,
  ];
}
