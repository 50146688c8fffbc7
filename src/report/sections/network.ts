/** @file The section of the network in the memory, and of what to protect. */
import { protectionMap, type ProtectionRow } from "../charts/index.ts";
import { protectedShares } from "../collect.ts";
import { html, type Markup } from "../markup.ts";
import { decoderNames, errorTable, planTable, storedTable } from "../tables.ts";
import type { ReportInput } from "../types.ts";
import { planWords, protectionWords } from "../words.ts";
import { figure, section } from "./parts.ts";

/** Rows of the map from a plan, with what the inspection knows. */
export function mapRows({ plan, tensors }: ReportInput): ProtectionRow[] {
  const known = new Map(tensors?.map((t) => [t.name, t]));
  return (plan?.tensors ?? []).map((tensor) => {
    const row = known.get(tensor.name);
    return {
      name: tensor.name,
      operator: row?.operator ?? null,
      count: tensor.count,
      shares: protectedShares(tensor),
      decoder: decoderNames(tensor),
      score: row?.score ?? null,
    };
  });
}

export function networkSection(document: Document, input: ReportInput): Markup {
  const { plan, tensors } = input;
  const rows = mapRows(input);
  const scored = rows.some((row) => row.score !== null);
  const guessed = tensors?.filter((t) => t.method === "forward-probe") ?? [];
  return section(
    "network",
    plan === undefined ? "The network in the memory" : "What to protect",
    plan === undefined ? undefined : html`<p>${planWords(plan)}</p> `,
    plan === undefined
      ? undefined
      : figure(
          document,
          (options) => protectionMap(rows, options),
          `Which bits are protected: a row a tensor in network order, a column a bit, the most significant on the left.${scored ? " The dot is the tensor's score, on a logarithmic scale: how much the squared output error falls with the first protected bit." : ""} ${protectionWords(plan)}`,
        ),
    tensors === undefined ? undefined : storedTable(tensors, plan),
    plan !== undefined && tensors === undefined ? planTable(plan) : undefined,
    plan === undefined
      ? undefined
      : html`<p>
          In the table, <code>#</code> is a bit that is protected for every weight, <code>+</code> for some,
          <code>.</code> for none.
        </p> `,
    tensors === undefined ? undefined : errorTable(tensors),
    guessed.length === 0
      ? undefined
      : html`<p>
          Measured by forward probes, because an operator has no gradient rule:
          ${guessed.map((t) => `${t.name}${t.stoppedBy === null ? "" : ` (${t.stoppedBy})`}`).join(", ")}.
        </p> `,
    plan === undefined && tensors?.every((t) => t.jacobianMeanSquare === null)
      ? html`<p>
          Without inputs there is no Jacobian, hence no score: give data to learn which tensors matter.
        </p> `
      : undefined,
  );
}
