/**
 * @file The report: one HTML page that needs no network, no script and no other file.
 */
import { emptyDocument } from "./document.ts";
import {
  accuracyChart,
  barrierChart,
  bitShareChart,
  driftChart,
  errorChart,
  protectionMap,
  sampledShares,
  thicknessChart,
  waveChart,
  type ProtectionRow,
} from "./charts/index.ts";
import { runawayFactor } from "../channel/index.ts";
import { protectedShares } from "./collect.ts";
import { html, trusted, type Content, type Markup } from "./markup.ts";
import { formatCount, formatNumber, formatPercent, formatScore, formatSi, formatTimes } from "./numbers.ts";
import { page } from "./page.ts";
import {
  decoderNames,
  parameterTable,
  planTable,
  pointTable,
  table,
  targetTable,
  tensorTable,
} from "./tables.ts";
import type { DeviceSection, LawSection, ReportInput, WideLawSection } from "./types.ts";
import { measureWords, flipWords, headline, planWords, protectionWords, reaches } from "./words.ts";
import { policyStyle } from "./charts/theme.ts";

/** Widths at which every picture is drawn; the page shows the one that fits. */
const widths = { wide: 800, narrow: 360 } as const;

const number = (value: number | null | undefined, digits = 3) =>
  formatNumber(value, { digits, typeset: true });

type Draw = (options: { document: Document; width: number }) => SVGSVGElement;

/** Draws a picture twice, for wide and for narrow screens. */
function figure(document: Document, draw: Draw, caption: Content): Markup {
  const [wide, narrow] = [widths.wide, widths.narrow].map((width) =>
    trusted(draw({ document, width }).outerHTML),
  );
  return html`<figure>
    <div class="wide">${wide}</div>
    <div class="narrow">${narrow}</div>
    <figcaption>${caption}</figcaption>
  </figure> `;
}

/** A list of figures, each with its name and a note. */
function facts(entries: readonly (readonly [name: string, value: string, note?: string])[]): Markup {
  const items = entries.map(
    ([name, value, note]) =>
      html`<div>
        <dt>${name}</dt>
        <dd>${value}${note === undefined ? "" : html`<small>${note}</small>`}</dd>
      </div> `,
  );
  return html`<dl class="facts">${items}</dl> `;
}

function warningList(warnings: readonly string[]): Markup {
  if (warnings.length === 0) return html``;
  const items = warnings.map((warning) => html`<li>${warning}</li>`);
  return html`<div class="warnings" role="note">
    <p>${warnings.length === 1 ? "Warning" : "Warnings"}</p>
    <ul>
      ${items}
    </ul>
  </div> `;
}

function section(id: string, title: string, ...content: readonly Content[]): Markup {
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${content}
  </section> `;
}

function deviceFacts({ flips }: DeviceSection): Markup {
  const { p01, p10, rate, transmission, exactTransmission } = flips;
  return facts([
    ...(p01 === p10
      ? ([["flip probability p", number(p01), "of a bit, while it is stored"]] as const)
      : ([
          ["p01", number(p01), "a stored 0 is read as 1"],
          ["p10", number(p10), "a stored 1 is read as 0"],
        ] as const)),
    ...(transmission === null
      ? []
      : ([["transmission", number(transmission), "by the model chosen"]] as const)),
    ...(exactTransmission === null ? [] : ([["transmission", number(exactTransmission), "exact"]] as const)),
    ...(rate === null ? [] : ([["rate", `${number(rate)} /s`, "tunnelling events"]] as const)),
    ...(typeof flips.parameters["holdS"] === "number"
      ? ([["hold time", formatSi(flips.parameters["holdS"], "s"), "between refreshes"]] as const)
      : []),
  ]);
}

function deviceSectionMarkup(document: Document, device: DeviceSection): Markup {
  const { barrier, thickness, flips } = device;
  const names = thickness?.curves.map(
    ({ model }) => ({ exact: "exact", wkb: "WKB", corrected: "corrected WKB" })[model],
  );
  return section(
    "device",
    device.name === null ? "The memory cell" : `The memory cell: ${device.name}`,
    html`<p>
      ${flipWords(flips)} Electrons leave a cell by tunnelling through its barrier; how often depends on the
      barrier's height and thickness and on how long a bit is held.
    </p> `,
    deviceFacts(device),
    warningList(flips.warnings),
    barrier === undefined
      ? undefined
      : [
          figure(
            document,
            (options) => barrierChart(barrier, options),
            "The barrier. The thick line is the band edge; in the shaded region the electron has less energy than the edge, and only its wave gets through. The wave's amplitude is drawn upwards from the electron's energy, in its own units.",
          ),
          figure(
            document,
            (options) => waveChart(barrier, options),
            "The same wave in powers of ten: its square says how likely the electron is found at that depth.",
          ),
        ],
    thickness === undefined
      ? undefined
      : figure(
          document,
          (options) => thicknessChart(thickness, options),
          `Flip probability (mean of both directions) against the thickness of the whole barrier: ${names?.join(" and ") ?? ""}. The circle is this device.`,
        ),
    html`<details>
      <summary>Every figure that was used</summary>
      ${parameterTable(flips.parameters)}
    </details> `,
  );
}

function lawSectionMarkup(document: Document, law: LawSection): Markup {
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

function wideLawMarkup(document: Document, law: WideLawSection): Markup {
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

function networkSection(document: Document, input: ReportInput): Markup {
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
    tensors === undefined ? undefined : tensorTable(tensors, plan),
    plan !== undefined && tensors === undefined ? planTable(plan) : undefined,
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
    plan === undefined
      ? undefined
      : html`<p>
          In the table, <code>#</code> is a bit that is protected for every weight, <code>+</code> for some,
          <code>.</code> for none.
        </p> `,
  );
}

function verificationSection(document: Document, input: ReportInput): Markup {
  const { comparison } = input;
  if (comparison === undefined) return html``;
  const { chips, samples, measure, saturationRatio, predicted, ratio, ratioInterval } = comparison;
  const picture = { ...comparison, ...(input.chance === undefined ? {} : { chance: input.chance }) };
  const measured =
    reaches(comparison.overheadAtTarget["tac"]) &&
    reaches(comparison.overheadAtTarget["uniform-msp"]) &&
    typeof ratio === "number" &&
    Number.isFinite(ratio);
  return section(
    "verification",
    "Proof: chips with faults, under every policy",
    html`<p>
      Every point is the mean over ${formatCount(chips)} simulated chips, each with its own faults and the
      same for all policies, on ${formatCount(samples)} samples.
    </p> `,
    figure(
      document,
      (options) => accuracyChart(picture, options),
      `${measureWords(measure)} against overhead. Bands and whiskers are 95 % intervals of the mean over chips; thick bars on the target line are the intervals of the overhead that keeps it.`,
    ),
    targetTable(comparison),
    measured
      ? html`<p>
          Ratio measured:
          ${formatTimes(ratio)}${typeof ratioInterval[1] === "number" ? ` (95 % interval ${formatTimes(ratioInterval[0])} to ${formatTimes(ratioInterval[1])})` : ""}.
          ${predicted === null || saturationRatio === null ? "" : `Predicted without flipping a bit: ${predicted.gaussian === null ? "" : `${formatTimes(predicted.gaussian.ratio)} times by Gaussian errors of the predicted strength, `}${formatTimes(saturationRatio)} times in closed form to first order (saturation ratio).`}
        </p> `
      : undefined,
    html`<h3>Every simulated overhead</h3> `,
    comparison.policies
      .filter((curve) => curve.points.length > 1)
      .map(
        (curve) =>
          html`<details>
            <summary>${policyStyle(curve.name).label}, ${curve.points.length} overheads</summary>
            ${pointTable(policyStyle(curve.name).label, [curve], measure)}
          </details> `,
      ),
    html`<details>
      <summary>Policies without a budget</summary>
      ${pointTable(
        "Policies without a budget",
        comparison.policies.filter((curve) => curve.points.length === 1),
        measure,
      )}
    </details> `,
  );
}

/** The commands and fingerprints with which a reader can repeat the result. */
function reproductionSection({ model, comparison, plan, environment }: ReportInput): Markup {
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

function comparisonFacts({ comparison }: ReportInput): Content {
  if (comparison === undefined) return undefined;
  const { overheadAtTarget, overheadInterval, ratio, ratioInterval, measure } = comparison;
  const overhead = (name: string): readonly [string, string, string?] => {
    const value = overheadAtTarget[name];
    const [low, high] = overheadInterval[name] ?? [];
    const interval =
      low === undefined || !reaches(high) ? undefined : `${formatPercent(low)} to ${formatPercent(high)}`;
    const label = `${policyStyle(name).label} needs`;
    return interval === undefined
      ? [label, reaches(value) ? formatPercent(value) : "not reached"]
      : [label, reaches(value) ? formatPercent(value) : "not reached", interval];
  };
  return facts([
    [
      `clean ${measure.title}`,
      formatScore(comparison.clean, measure.unit),
      `target ${formatScore(comparison.target, measure.unit)}`,
    ],
    ["flip probability", number(comparison.p), "mean over stored bits"],
    overhead("tac"),
    overhead("uniform-msp"),
    typeof ratio === "number" && Number.isFinite(ratio)
      ? [
          "ratio",
          `${formatTimes(ratio)} ×`,
          `${formatTimes(ratioInterval[0])} to ${formatTimes(ratioInterval[1])}`,
        ]
      : ["ratio", "–"],
  ]);
}

/**
 * The report as one HTML page: headline, pictures with captions, tables, and how to repeat it. Parts that the input
 * lacks are left out. The same input gives the same text. All text of the input is escaped.
 */
export function renderReport(input: ReportInput): string {
  const document = emptyDocument();
  const { device, law, wideLaw, plan, tensors, comparison } = input;
  const missing = [
    ...(device === undefined ? ["device"] : []),
    ...(plan === undefined ? ["plan"] : []),
    ...(comparison === undefined ? ["comparison"] : []),
  ];
  return page(
    input.title,
    html`<p class="kind">qtaml report${input.model === undefined ? "" : ` on ${input.model.name}`}</p>
      <h1>${input.title}</h1>
      <p class="headline">${headline(input)}</p>
      ${comparisonFacts(input)}`,
    html`${comparison === undefined ? undefined : verificationSection(document, input)}
    ${plan === undefined && tensors === undefined ? undefined : networkSection(document, input)}
    ${law === undefined ? undefined : lawSectionMarkup(document, law)}
    ${wideLaw === undefined ? undefined : wideLawMarkup(document, wideLaw)}
    ${device === undefined ? undefined : deviceSectionMarkup(document, device)} ${reproductionSection(input)}`,
    html`${missing.length === 0 ? undefined : html`<p>This report was made without a ${missing.join(", a ")}.</p>`}
      <p>Made by qtaml ${input.environment.version}.</p>`,
  );
}
