/** @file The section of how to repeat a result. */
import { html, type Markup } from "../markup.ts";
import { table } from "../tables.ts";
import type { ReportInput } from "../types.ts";
import { section } from "./parts.ts";

/** The commands and fingerprints with which a reader can repeat the result. */
export function reproductionSection({ model, comparison, plan, environment }: ReportInput): Markup {
  const { version, created, commands = [], notes = {} } = environment;
  const seed = comparison?.seed ?? plan?.seed;
  const rows: [string, string][] = [
    ...(model === undefined
      ? []
      : ([
          ["model", model.name],
          ["model, SHA-256", model.sha256],
        ] as [string, string][])),
    ...(plan === undefined || plan.model.sha256 === model?.sha256
      ? []
      : ([["plan made for, SHA-256", plan.model.sha256]] as [string, string][])),
    ...(plan === undefined
      ? []
      : ([
          [
            "storage",
            `${[...new Set(plan.tensors.map((t) => t.format))].join(", ")}, one scale a ${plan.storage.granularity}`,
          ],
        ] as [string, string][])),
    ...(seed === undefined ? [] : ([["seed", String(seed)]] as [string, string][])),
    ["qtaml", version],
    ["made", created],
    ...Object.entries(notes),
  ];
  return section(
    "reproduce",
    "To repeat this",
    commands.length === 0
      ? undefined
      : html`<p>The same seed gives the same numbers, on any number of cores.</p>
          <pre tabindex="0"><code>${commands.join("\n")}</code></pre> `,
    table("Made from", [{ head: "what" }, { head: "value", kind: "wrap" }], rows),
  );
}
