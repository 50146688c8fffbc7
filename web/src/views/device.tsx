/** @file The view of the device: the barrier, the wave in it, p against thickness, cells, warnings. */
import { useCallback, useMemo, useState } from "preact/hooks";
import { QtamlError } from "../../../src/errors.ts";
import type { FlipChoice } from "../../../src/explorer/index.ts";
import {
  CELLS,
  CELL_NAMES,
  MATERIAL_NAMES,
  TRANSMISSION_MODELS,
  deviceFlips,
  evaluateDevice,
  parseDevice,
  type FlipReport,
} from "../../../src/physics/index.ts";
import {
  barrierChart,
  cellChart,
  barrierPicture,
  flipWords,
  formatNumber,
  formatSeconds,
  thicknessChart,
  waveChart,
  type BarrierPicture,
  type ChartOptions,
} from "../../../src/report/browser.ts";
import { addressOf, changeParameters, setParameter, useAddress } from "../address.ts";
import { Answer, Choice, Controls, Facts, Failure, Slider, Warnings } from "../controls.tsx";
import {
  deviceFile,
  deviceOf,
  deviceStart,
  isSameFigure,
  limits,
  meanOf,
  thicknessFor,
  type DeviceSettings,
  type DeviceStart,
} from "../device-settings.ts";
import { deviceSettings } from "../device-state.ts";
import { Figure } from "../figure.tsx";
import { flipsOf, useStartedMemory } from "../network-state.ts";
import { save } from "../save.ts";
import { useThickness } from "../thickness.ts";

/** Flip probabilities of the presets as they are. */
const cells = CELL_NAMES.map((name) => {
  return { name, p: meanOf(deviceFlips(parseDevice({ cell: name }))) };
});

const modelNames = { wkb: "WKB", corrected: "WKB with prefactor", exact: "exact" } as const;

const number = (value: number | null, digits = 3) => formatNumber(value, { digits, typeset: true });

function DeviceControls({ settings }: { settings: DeviceSettings }) {
  const { cell, material, holdS, transmission } = settings;
  const slider = (
    name: keyof typeof limits,
    label: string,
    unit: string,
    step: number,
    more: { logarithmic?: boolean; words?: string } = {},
  ) => (
    <Slider
      label={label}
      unit={unit}
      value={settings[name]}
      low={limits[name][0]}
      high={limits[name][1]}
      step={step}
      onChange={setParameter(name)}
      {...more}
    />
  );
  return (
    <Controls title="The device">
      <Choice
        label="Cell preset"
        value={cell}
        options={[
          { value: "", label: "none: an electron and an oxide" },
          ...CELL_NAMES.map((name) => ({ value: name, label: CELLS[name]!.title })),
        ]}
        onChange={(name) =>
          changeParameters({
            cell: name,
            ...Object.fromEntries([...Object.keys(limits), "material"].map((key) => [key, undefined])),
          })
        }
      />
      <Choice
        label="Material of the barrier"
        value={material ?? ""}
        disabled={material === null}
        options={
          material === null
            ? [
                {
                  value: "",
                  label: `stack: ${CELLS[cell]!.layers.map((layer) => layer.material).join(" on ")}`,
                },
              ]
            : MATERIAL_NAMES.map((name) => ({ value: name, label: name }))
        }
        onChange={setParameter("material")}
      />
      {slider("thicknessNm", material === null ? "Total thickness" : "Thickness", "nm", 0.01)}
      {slider("biasV", "Bias", "V", 0.01)}
      {slider("energyEv", "Energy of the electron", "eV", 0.01)}
      {slider("temperatureK", "Temperature", "K", 1)}
      {slider("holdS", "Hold time", "s", 0.02, { logarithmic: true, words: formatSeconds(holdS) })}
      {slider("thicknessSpreadNm", "Spread of the thickness between cells", "nm", 0.005)}
      <Choice
        label="Transmission"
        value={transmission}
        options={TRANSMISSION_MODELS.map((model) => ({ value: model, label: modelNames[model] }))}
        onChange={setParameter("transmission")}
      />
      <p>
        <button
          type="button"
          onClick={() => save("device.yaml", new Blob([deviceFile(settings)], { type: "text/yaml" }))}
        >
          Save as a device file
        </button>
      </p>
    </Controls>
  );
}

/** A picture that is drawn again only when its data are others. */
function useDrawing<T>(data: T, draw: (data: T, options: ChartOptions) => SVGSVGElement) {
  return useCallback((options: ChartOptions) => draw(data, options), [data, draw]);
}

function Pictures({
  settings,
  barrier,
  p,
}: {
  settings: DeviceSettings;
  barrier: BarrierPicture;
  p: number;
}) {
  const { picture: thickness, isBusy } = useThickness(settings, p);
  const cellData = useMemo(() => ({ cells, chosen: p }), [p]);
  return (
    <>
      <Figure
        name="barrier"
        draw={useDrawing(barrier, barrierChart)}
        caption="The conduction-band edge against depth. An electron tunnels along the dashed line; where the band edge is above its energy it has no classical path (shaded), and its wave (drawn to scale, not in eV) decays."
        data={() => [
          ["depth (nm)", "band edge (eV)"],
          ...barrier.xNm.map((x, i) => [x, barrier.edgeEv[i]!] as const),
        ]}
      />
      <Figure
        name="thickness"
        isBusy={isBusy}
        draw={useDrawing(thickness, thicknessChart)}
        caption="Flip probability of a bit within the hold time against the thickness of the whole barrier, other settings as they are. The circle is this device."
        data={() => [
          ["model", "thickness (nm)", "p"],
          ...thickness.curves.flatMap((curve) =>
            curve.thicknessNm.map((x, i) => [curve.model, x, curve.p[i]!] as const),
          ),
        ]}
      />
      <Figure
        name="wave"
        draw={useDrawing(barrier, waveChart)}
        caption="Amplitude of the exact wave function inside the barrier, relative to its value at the cathode, in powers of ten."
        data={() => [
          ["depth (nm)", "log10 of the amplitude"],
          ...barrier.wave.xNm.map((x, i) => [x, barrier.wave.log10Amplitude[i]!] as const),
        ]}
      />
      <Figure
        name="cells"
        draw={useDrawing(cellData, cellChart)}
        caption="Where the cell presets fall, each at its own thickness and hold time, and this device among them. A hollow circle is a cell that hardly flips at all. Presets are starting points, to be replaced by your own figures."
        data={() => [["cell", "p"], ...cells.map(({ name, p: own }) => [name, own] as const)]}
      />
    </>
  );
}

/** Flip probabilities in few words. */
const flipFigures = ({ p01, p10 }: FlipChoice) =>
  p01 === p10 ? `p = ${number(p01)}` : `p01 = ${number(p01)} and p10 = ${number(p10)}`;

/** What this device is to the memory that the other views reckon with. */
function Relation({
  start,
  settings,
  flips,
  memory,
}: {
  start: DeviceStart;
  settings: DeviceSettings;
  flips: FlipChoice;
  memory: FlipChoice;
}) {
  const key = JSON.stringify(settings);
  const [failed, setFailed] = useState<string>();
  const others = `The other views reckon with ${flipFigures(memory)}`;
  if (isSameFigure(flips.p01, memory.p01) && isSameFigure(flips.p10, memory.p10)) {
    const isStart = key === JSON.stringify(start.settings);
    const how =
      isStart && start.from === "oxide" ? "and this view begins with an oxide that gives it" : "as here";
    return (
      <p class="note">
        {others}, {how}.
      </p>
    );
  }
  const p = meanOf(memory);
  if (isSameFigure(meanOf(flips), p)) return <p class="note">{others}, whose mean this device has.</p>;
  const fit = () => {
    const fitted = thicknessFor(p, settings);
    if (fitted === undefined) setFailed(key);
    else changeParameters({ thicknessNm: String(fitted.thicknessNm) });
  };
  const what = memory.p01 === memory.p10 ? "that" : "their mean";
  return (
    <p class="note">
      {others}.{" "}
      {failed === key ? (
        `No thickness of this barrier gives ${what}.`
      ) : (
        <button type="button" class="quiet" onClick={fit}>
          Find the thickness that gives {what}
        </button>
      )}
    </p>
  );
}

/** The view. */
export function DeviceView() {
  const address = useAddress();
  const started = useStartedMemory();
  const start = useMemo(() => deviceStart(started), [started]);
  const settings = deviceSettings(address, start.settings);
  const key = JSON.stringify(settings);
  const found = useMemo((): { flips?: FlipReport; barrier?: BarrierPicture; message?: string } => {
    try {
      const device = deviceOf(settings);
      return { flips: evaluateDevice(device), barrier: barrierPicture(device) };
    } catch (error) {
      if (error instanceof QtamlError) return { message: error.message };
      throw error;
    }
  }, [key]);
  const { flips, barrier } = found;
  const p = flips === undefined ? 0 : (flips.p01 + flips.p10) / 2;
  return (
    <>
      <p class="lead">
        A stored bit is charge behind a barrier. Electrons tunnel through it; the thinner and lower the
        barrier, and the longer the hold time between refreshes, the likelier a bit is read wrong.
      </p>
      {flips === undefined ? null : <Answer sentence={flipWords(flips)} />}
      <div class="split">
        <DeviceControls settings={settings} />
        <div class="pictures">
          {flips === undefined || barrier === undefined ? (
            <Failure message={found.message ?? ""} />
          ) : (
            <>
              <Facts
                facts={[
                  {
                    name: "flip probability p",
                    value: number(p),
                    note: `p01 ${number(flips.p01)}, p10 ${number(flips.p10)}`,
                  },
                  {
                    name: "transmission",
                    value: number(flips.transmission),
                    note: `exact ${number(flips.exactTransmission)}`,
                  },
                  { name: "rate", value: `${number(flips.rate)} /s`, note: "electrons that cross" },
                ]}
              />
              <Warnings warnings={flips.warnings} />
              <Relation
                start={start}
                settings={settings}
                flips={flips}
                memory={flipsOf(address) ?? started.flips}
              />
              <p>
                <a
                  href={addressOf("errors")}
                  onClick={() => changeParameters({ p01: String(flips.p01), p10: String(flips.p10) })}
                >
                  What the flips of this device do to a weight
                </a>
              </p>
              <Pictures settings={settings} barrier={barrier} p={p} />
            </>
          )}
        </div>
      </div>
    </>
  );
}
