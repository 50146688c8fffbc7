/**
 * @file What a memory can do instead of parity: thicker oxides, more frequent refreshes, another voltage, in the
 * currency of a factor on area or energy.
 */
import { exposedFlips } from "../../channel/index.ts";
import { meanError, spreadThickness, type BitPlane, type ThicknessLevel } from "../../ecc/index.ts";
import { deviceFlips, totalThicknessNm, withValue, type Device } from "../../physics/index.ts";
import { formatNumber } from "../../report/index.ts";
import { fitTable } from "../output.ts";

/** One alternative to parity that brings the noise to a target. */
export interface PhysicalWay {
  readonly name: string;
  /** What is set to what; null where no setting reaches the target. */
  readonly setting: string | null;
  /** Of `of`, over what the memory has now; null where the target is not reached. */
  readonly factor: number | null;
  /** What the factor is of. */
  readonly of: string;
  /** Where the factor comes from. */
  readonly source: string;
  /** Noise over the target: 1 where the setting is made for it, otherwise what the setting leaves. */
  readonly left: number;
  /** Thickness of each plane in nm, in the order of the planes, where it differs by plane. */
  readonly thicknessNm?: readonly number[];
}

const sources = {
  thickness:
    "area of a plate capacitor of the same capacitance, C = eps A / d; none where the gate stays as it is",
  refresh: "energy is that of a refresh times their number (Liu et al., RAIDR, ISCA 2012)",
  voltage: "energy of a write C V^2 (Weste and Harris, CMOS VLSI Design)",
} as const;

/** Thicknesses that are tried, over the one there is. */
const thicknesses = Array.from({ length: 281 }, (_, i) => 0.6 + i / 200);

/** Where a function that falls or rises once crosses zero between two values; undefined where it does not. */
function crossing(f: (x: number) => number, from: number, to: number): number | undefined {
  let [a, b] = [from, to];
  const atFirst = f(a);
  if (atFirst > 0 === f(b) > 0) return undefined;
  for (let step = 0; step < 100; step++) {
    const middle = (a + b) / 2;
    if (f(middle) > 0 === atFirst > 0) a = middle;
    else b = middle;
  }
  return b;
}

/** A device whose cells are written and held at `factor` times the voltage: a capacitor holds charge in proportion. */
function atVoltage(device: Device, factor: number): Device {
  const { barrier, flip } = device;
  const biased = barrier === null ? device : withValue(device, "biasV", barrier.biasV * factor);
  if (flip.model !== "threshold") return biased;
  // The cell fails at the same charge as before.
  const electrons = Math.round(flip.electrons * factor);
  const criticalElectrons = electrons - (flip.electrons - flip.criticalElectrons);
  return { ...biased, flip: { ...flip, electrons, criticalElectrons } };
}

/** What is asked of each way. */
interface Question {
  readonly planes: readonly BitPlane[];
  /** Squared output error to reach. */
  readonly target: number;
  /** The error probability of all bits that brings it there. */
  readonly error: number;
}

function unreached(name: string, of: string, source: string, left: number): PhysicalWay {
  return { name, setting: null, factor: null, of, source, left };
}

function thicknessWays(device: Device, { planes, target }: Question): PhysicalWay[] {
  const nominal = totalThicknessNm(device.barrier!);
  const levels = thicknesses.map((share): ThicknessLevel => {
    const thicknessNm = share * nominal;
    return { thicknessNm, error: meanError(deviceFlips(withValue(device, "thicknessNm", thicknessNm))) };
  });
  const [of, source] = ["oxide thickness", sources.thickness];
  const noiseAt = ({ error }: ThicknessLevel) =>
    planes.reduce((sum, { count, noisePerError }) => sum + count * noisePerError * error, 0);
  const thick = levels.find((level) => noiseAt(level) <= target);
  const range = (list: readonly number[]) =>
    `${formatNumber(Math.min(...list))} to ${formatNumber(Math.max(...list))} nm`;
  const uniform: PhysicalWay =
    thick === undefined
      ? unreached("thicker oxide", of, source, noiseAt(levels.at(-1)!) / target)
      : {
          name: "thicker oxide",
          setting: `${formatNumber(thick.thicknessNm)} nm`,
          factor: thick.thicknessNm / nominal,
          of,
          source,
          left: 1,
        };
  const thicker = levels.filter(({ thicknessNm }) => thicknessNm >= nominal * (1 - 1e-9));
  const { enough, short } = spreadThickness(planes, thicker, ({ noise }) => noise <= target);
  const byBit: PhysicalWay =
    enough === undefined
      ? unreached("thicker by bit", of, source, short.noise / target)
      : {
          name: "thicker by bit",
          setting: `${range(enough.thicknessNm)}, mean ${formatNumber(enough.meanNm)} nm`,
          factor: enough.meanNm / nominal,
          of,
          source,
          left: 1,
          thicknessNm: enough.thicknessNm,
        };
  const same = spreadThickness(planes, levels, ({ meanNm }) => meanNm > nominal * (1 + 1e-9)).short;
  const dual: PhysicalWay = {
    name: "by bit, same total",
    setting: `${range(same.thicknessNm)}, mean ${formatNumber(same.meanNm)} nm`,
    factor: same.meanNm / nominal,
    of,
    source,
    left: same.noise / target,
    thicknessNm: same.thicknessNm,
  };
  return [uniform, byBit, dual];
}

function refreshWay(device: Device, { planes, error }: Question): PhysicalWay {
  const name = "refresh more often";
  const of = "refresh energy";
  const { holdS } = device;
  const { channel } = planes[0]!;
  const isPhysical = device.direct === null && holdS !== null;
  // Without a device a cell is taken to forget nothing and to age in no way: exposures add up.
  const errorAt = (logShare: number) => {
    const share = Math.exp(logShare);
    if (isPhysical) return meanError(deviceFlips(withValue(device, "holdS", holdS * share)));
    const { p01, p10 } = exposedFlips(
      { p01: Float64Array.of(channel.p01), p10: Float64Array.of(channel.p10) },
      share,
    );
    return meanError({ p01: p01[0]!, p10: p10[0]! });
  };
  const found = crossing((x) => errorAt(x) - error, Math.log(1e-12), 0);
  if (found === undefined) return unreached(name, of, sources.refresh, errorAt(Math.log(1e-12)) / error);
  const share = Math.exp(found);
  const setting = isPhysical
    ? `every ${formatNumber(holdS * share)} s`
    : `${formatNumber(1 / share)} times as often`;
  return { name, setting, factor: 1 / share, of, source: sources.refresh, left: 1 };
}

/** Voltages that are tried, over the one there is. */
const [leastVoltage, mostVoltage] = [0.3, 3];

function voltageWay(device: Device, { error }: Question): PhysicalWay {
  const name = "another voltage";
  const of = "write energy";
  const volts = device.barrier!.biasV;
  const errorAt = (factor: number) => meanError(deviceFlips(atVoltage(device, factor)));
  const steps = Array.from(
    { length: 109 },
    (_, i) => leastVoltage * (mostVoltage / leastVoltage) ** (i / 108),
  ).filter((factor) => isHeld(atVoltage(device, factor)));
  const tried = steps.map((factor) => ({ factor, error: errorAt(factor) }));
  const good = tried.filter((x) => x.error <= error);
  const source = sources.voltage;
  if (good.length === 0) {
    return unreached(name, of, source, Math.min(...tried.map((x) => x.error)) / error);
  }
  const { factor } = good.reduce((a, b) => (b.factor < a.factor ? b : a));
  return { name, setting: `${formatNumber(volts * factor)} V`, factor: factor ** 2, of, source, left: 1 };
}

/** Whether a cell can be told from an empty one. */
const isHeld = ({ flip }: Device) => flip.model !== "threshold" || flip.criticalElectrons >= 1;

/**
 * What brings the noise to a target without a code. A device whose flips are given as numbers has no oxide and no
 * voltage: only its refreshes can be asked about.
 *
 * @param planes bits that all lie in cells of the device
 */
export function physicalWays(device: Device, planes: readonly BitPlane[], target: number): PhysicalWay[] {
  const raw = planes.reduce(
    (sum, { count, noisePerError, channel }) => sum + count * noisePerError * meanError(channel),
    0,
  );
  const { channel } = planes[0]!;
  const question = { planes, target, error: (meanError(channel) * target) / raw };
  if (raw <= target || channel.p01 + channel.p10 >= 1) return [];
  const hasBarrier = device.direct === null && device.barrier !== null;
  return [
    ...(hasBarrier ? thicknessWays(device, question) : []),
    refreshWay(device, question),
    ...(hasBarrier && device.barrier.biasV > 0 ? [voltageWay(device, question)] : []),
  ];
}

/** The alternatives in lines. */
export function physicalAccount(ways: readonly PhysicalWay[], device: Device): string[] {
  if (ways.length === 0) return [];
  const rows = ways.map(({ name, setting, factor, of, left }) => [
    name,
    setting ?? "-",
    factor === null ? "-" : `${formatNumber(factor)} x ${of}`,
    left === 1 ? "" : `leaves ${formatNumber(left)} times the noise`,
  ]);
  const used = new Set(ways.map(({ source }) => source));
  return [
    "What brings it there without a code:",
    fitTable(rows, ["way", "setting", "factor", ""]),
    ...[...used].map((source) => `  ${source}`),
    ...(device.direct === null && device.barrier !== null
      ? []
      : ["Oxide and voltage are known of a device alone: give --device FILE."]),
  ];
}
