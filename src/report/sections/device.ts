/** @file The section of the memory cell. */
import { barrierChart, thicknessChart, waveChart } from "../charts/index.ts";
import { html, type Markup } from "../markup.ts";
import { formatSi } from "../numbers.ts";
import { parameterTable } from "../tables.ts";
import type { DeviceSection } from "../types.ts";
import { flipWords } from "../words.ts";
import { facts, figure, number, section, warningList } from "./parts.ts";

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

export function deviceSection(document: Document, device: DeviceSection): Markup {
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
