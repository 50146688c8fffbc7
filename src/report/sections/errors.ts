/** @file The section of what flips do to a weight. */
import { runawayFactor } from "../../channel/index.ts";
import { bitShareChart, driftChart, errorChart, sampledShares } from "../charts/index.ts";
import { html, type Markup } from "../markup.ts";
import { formatCount, formatPercent } from "../numbers.ts";
import type { LawSection, WideLawSection } from "../types.ts";
import { figure, number, section } from "./parts.ts";

export function lawSection(document: Document, law: LawSection): Markup {
  const shares = sampledShares(law);
  const covered = shares.filter((s) => s.low <= s.probability && s.probability <= s.high).length;
  const { slope, offset, exact } = law.drift;
  const unharmed =
    law.errors.binWidth === 0 ? law.errors.probability[law.errors.error.indexOf(0)] : undefined;
  return section(
    "errors",
    "What the flips do to a weight",
    html`<p>
      One tensor as an example: <code>${law.tensor}</code>, stored as ${law.format} with a step of
      ${number(law.step)}, nothing protected.
      ${unharmed === undefined ? "" : `${formatPercent(unharmed)} of its weights are read unharmed. `}The law
      is computed exactly; ${formatCount(law.draws)} weights were then drawn with faults to check it.
    </p> `,
    figure(
      document,
      (options) => errorChart(law, options),
      `How probable each error is. The tall sticks are single flipped bits: where bits flip alike, a large error is as likely as a small one. Dots are the sampled shares of the ${shares.length} most likely errors with 95 % intervals; ${covered} of the ${shares.length} intervals hold the predicted value.${law.nonFinite > 0 ? ` A weight is read as NaN or infinite with probability ${number(law.nonFinite)}.` : ""}`,
    ),
    figure(
      document,
      (options) => driftChart(law, options),
      `The mean of what is read: ${number(slope)} times what was stored, ${offset < 0 ? "minus" : "plus"} ${number(Math.abs(offset))} steps${exact ? "" : " (the best line; for this format the law is not straight)"}. This drift adds up in a layer's sums, while random errors average out.`,
    ),
    figure(document, (options) => bitShareChart(law, options), bitShareCaption(law.bitShares)),
  );
}

/** What the chart of the bits' shares says. */
function bitShareCaption(shares: readonly number[]): string {
  const most = shares.indexOf(Math.max(...shares));
  const name = most === shares.length - 1 ? "the most significant bit" : `bit ${most}`;
  return `Where the error comes from: ${name} alone carries ${formatPercent(shares[most])} of the variance, so it is the first worth protecting.`;
}

export function wideLawSection(document: Document, law: WideLawSection): Markup {
  const { slope, offset } = law.drift;
  return section(
    "errors",
    "What the flips do to a weight",
    html`<p>
      One tensor as an example: <code>${law.tensor}</code>, stored as ${law.format} with a step of
      ${number(law.step)}, nothing protected. A weight is read as ${number(slope)} times what was stored,
      ${offset < 0 ? "minus" : "plus"} ${number(Math.abs(offset))} steps, with a standard deviation of
      ${number(law.deviation)} steps.
      ${
        law.runaway === 0
          ? ""
          : `That leaves out runaway weights, read as NaN, infinite, or as more than ${runawayFactor} times the tensor's largest: probability ${number(law.runaway)}, NaN and infinite ones ${number(law.nonFinite)}.`
      }
    </p> `,
    figure(document, (options) => bitShareChart(law, options), bitShareCaption(law.bitShares)),
  );
}
