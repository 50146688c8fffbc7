/** @file The view of errors: what flips do to a weight, by number format, protection and decoder. */
import { useCallback } from "preact/hooks";
import { decoderKinds, formatNames, numberFormat, type DecoderKind } from "../../../src/channel/index.ts";
import {
  bitShareChart,
  driftChart,
  errorChart,
  formatCount,
  formatNumber,
  type ChartOptions,
  type LawSection,
} from "../../../src/report/browser.ts";
import { numberOf, setParameter, useAddress, wordOf } from "../address.ts";
import { Choice, Controls, Facts, Failure, Slider, Warnings } from "../controls.tsx";
import { Figure } from "../figure.tsx";
import { FlipSliders } from "../flip-sliders.tsx";
import { draws, type Law } from "../law.ts";
import { useStartedMemory } from "../network-state.ts";
import { smallPercent } from "../plans.ts";
import { useLaw } from "../use-law.ts";
import { weightShapes, type WeightShape } from "../weights.ts";

const readings: Readonly<Record<DecoderKind, string>> = {
  none: "as stored",
  "unbiased-affine": "drift undone (affine)",
  "linear-mmse": "least squares (affine)",
  unbiased: "unbiased table",
  bayes: "Bayes table",
};

function Pictures({ law }: { law: Law }) {
  const { section, wide, bits } = law;
  const own = section ?? {
    ...wide!,
    errors: undefined,
    draws: 0,
    drift: { ...wide!.drift, exact: false, sampled: [] },
  };
  const drawErrors = useCallback((options: ChartOptions) => errorChart(section!, options), [section]);
  const drawDrift = useCallback((options: ChartOptions) => driftChart(own as LawSection, options), [law]);
  const drawBits = useCallback((options: ChartOptions) => bitShareChart(own, options), [law]);
  return (
    <>
      {section === undefined ? (
        <p class="note">
          Codes of {bits} bits have too many distinct errors to draw one by one; what is below is exact all
          the same.
        </p>
      ) : (
        <Figure
          name="errors"
          draw={drawErrors}
          caption={`How likely each error of one weight is. Sticks are computed; circles are shares among ${formatCount(draws)} weights whose bits were flipped by random numbers, with 95 % intervals.`}
          data={() => [
            ["error (steps)", "probability", `drawn of ${draws}`],
            ...section.errors.error.map(
              (error, i) => [error, section.errors.probability[i]!, section.errors.sampled[i]!] as const,
            ),
          ]}
        />
      )}
      <Figure
        name="drift"
        draw={drawDrift}
        caption="Mean of a weight as it is read against the weight as it was stored. A slope below one shrinks every weight of the layer alike, and an offset moves them all: errors that add up instead of cancelling."
        data={() => [
          ["stored (steps)", "mean read (steps)", "low", "high"],
          ...own.drift.sampled.map((d) => [d.stored, d.read, d.low, d.high] as const),
        ]}
      />
      <Figure
        name="bit-shares"
        draw={drawBits}
        caption="How much of the error variance each bit carries: the reason why few protected bits go a long way."
        data={() => [
          ["bit", "share of the variance"],
          ...own.bitShares.map((share, bit) => [bit, share] as const),
        ]}
      />
    </>
  );
}

const readingColumns = [
  "read",
  "mean error (steps)",
  "standard deviation (steps)",
  "root mean square error (steps)",
];

function Readings({ law, chosen }: { law: Law; chosen: DecoderKind }) {
  return (
    <div class="scroll" role="region" aria-label="Errors by reading" tabIndex={0}>
      <table>
        <caption>What each way of reading leaves, under the same flips</caption>
        <thead>
          <tr>
            {readingColumns.map((head, i) => (
              <th key={head} scope="col" class={i > 0 ? "num" : ""}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {law.moments.map(({ kind, mean, variance, error }) => (
            <tr key={kind} aria-current={kind === chosen ? "true" : undefined}>
              <th scope="row">
                {readings[kind]}
                {kind === chosen ? " (shown)" : ""}
              </th>
              {[mean, Math.sqrt(variance), error].map((value, i) => (
                <td key={i} class="num">
                  {formatNumber(Math.abs(value) < 1e-9 ? 0 : value, { typeset: true })}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The view. */
export function ErrorsView() {
  const address = useAddress();
  const name = wordOf(address, "format", "int8", formatNames);
  const format = numberFormat(name);
  const usual = useStartedMemory().flips;
  const p01 = numberOf(address, "p01", usual.p01, 0, 0.5);
  const p10 = numberOf(address, "p10", usual.p10, 0, 0.5);
  const reading = wordOf(address, "reading", "none", decoderKinds);
  const shape = wordOf(address, "weights", "gaussian", Object.keys(weightShapes) as WeightShape[]);
  const top = Math.round(numberOf(address, "top", 0, 0, format.bits));
  const { law, message, isBusy } = useLaw({ format: name, shape, p01, p10, reading, top });
  const shown = law?.moments.find(({ kind }) => kind === reading);
  const nonFinite = (law?.section ?? law?.wide)?.nonFinite ?? 0;
  return (
    <>
      <p class="lead">
        A weight is stored as a code. When bits of the code flip, the weight that is read differs, and how it
        differs depends on the number format, on which bits are protected and on how codes are decoded.
      </p>
      <div class="split">
        <Controls title="The weights and their memory">
          <Choice
            label="Number format"
            value={name}
            options={formatNames.map((value) => ({ value, label: value }))}
            onChange={setParameter("format")}
          />
          <Choice
            label="Weights"
            value={shape}
            options={Object.entries(weightShapes).map(([value, { label }]) => ({
              value: value as WeightShape,
              label,
            }))}
            onChange={setParameter("weights")}
          />
          <FlipSliders flips={{ p01, p10 }} least={0} />
          <Slider
            label="Protected bits, from the most significant"
            unit={`of ${format.bits} bits`}
            value={top}
            low={0}
            high={format.bits}
            step={1}
            onChange={setParameter("top")}
          />
          <Choice
            label="How codes are read"
            value={reading}
            options={decoderKinds.map((value) => ({ value, label: readings[value] }))}
            onChange={setParameter("reading")}
          />
        </Controls>
        <div class="pictures" aria-busy={isBusy}>
          {law === undefined ? (
            message === undefined ? (
              <p class="note">Computing …</p>
            ) : (
              <Failure message={message} />
            )
          ) : (
            <>
              <Facts
                facts={[
                  {
                    name: "mean error",
                    value: formatNumber(shown === undefined || Math.abs(shown.mean) < 1e-9 ? 0 : shown.mean, {
                      typeset: true,
                    }),
                    note: "steps",
                  },
                  {
                    name: "standard deviation",
                    value: formatNumber(Math.sqrt(shown?.variance ?? 0), { typeset: true }),
                    note: "steps",
                  },
                  {
                    name: "share of the top bit",
                    value: smallPercent((law.section ?? law.wide)?.bitShares.at(-1)),
                    note: "of the error variance",
                  },
                ]}
              />
              <Warnings
                warnings={
                  nonFinite > 0
                    ? [
                        `A weight is read as NaN or infinite with probability ${formatNumber(nonFinite, { typeset: true })}; the figures here are of the others.`,
                      ]
                    : []
                }
              />
              <Pictures law={law} />
              <Readings law={law} chosen={reading} />
            </>
          )}
        </div>
      </div>
    </>
  );
}
