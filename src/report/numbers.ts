/**
 * @file Numbers as people read them: significant digits, percent, SI prefixes, times, intervals. Pure. What is not a
 * number (a value that a JSON file could not hold comes back as null) is written as an en dash.
 */
import type { MeasureDescription } from "../measure/index.ts";

const missing = "–";

const superscripts: Readonly<Record<string, string>> = {
  "-": "⁻",
  "0": "⁰",
  "1": "¹",
  "2": "²",
  "3": "³",
  "4": "⁴",
  "5": "⁵",
  "6": "⁶",
  "7": "⁷",
  "8": "⁸",
  "9": "⁹",
};

/** How a number is written. */
export interface NumberOptions {
  /** Significant digits; 3 by default. */
  readonly digits?: number;
  /** For print: powers of ten as `1.2×10⁻⁹` instead of `1.2e-9`, and a true minus sign. */
  readonly typeset?: boolean;
}

/** A number that may have been lost on the way through JSON. */
export type Quantity = number | null | undefined;

function isNumber(value: Quantity): value is number {
  return typeof value === "number" && !Number.isNaN(value);
}

/** Without the zeros at the end of a decimal fraction. */
function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/**
 * A number with so many significant digits; as a power of ten below 0.001 and from a million up. Digits before the
 * decimal point are never rounded away: 1234.5 is 1235.
 *
 * @param options three significant digits, for a terminal, unless given
 */
export function formatNumber(value: Quantity, { digits = 3, typeset = false }: NumberOptions = {}): string {
  if (!isNumber(value)) return missing;
  const minus = typeset ? "−" : "-";
  if (value < 0) return `${minus}${formatNumber(-value, { digits, typeset })}`;
  if (value === Infinity) return "∞";
  if (value === 0) return "0";
  if (value >= 1e-3 && value < 999_999.5) {
    const whole = Math.max(1, Math.floor(Math.log10(value)) + 1);
    return trimmed(value.toPrecision(Math.max(digits, whole)));
  }
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e") as [string, string];
  const power = String(Number(exponent));
  if (!typeset) return `${trimmed(mantissa)}e${power}`;
  return `${trimmed(mantissa)}×${powerOfTen(Number(exponent))}`;
}

/** A whole power of ten as a figure: `10⁻⁹`; the powers 0 and 1 are 1 and 10. */
export function powerOfTen(power: number): string {
  if (power === 0 || power === 1) return String(10 ** power);
  return `10${Array.from(String(power), (c) => superscripts[c] ?? c).join("")}`;
}

const prefixes = ["y", "z", "a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"];

/** A quantity with a unit and an SI prefix, for instance `64 ms` or `2.35 pA`. */
export function formatSi(value: Quantity, unit: string, digits = 3): string {
  if (!isNumber(value) || !Number.isFinite(value)) return formatNumber(value);
  if (value === 0) return `0 ${unit}`;
  const rounded = Number(value.toPrecision(digits));
  const group = Math.floor(Math.log10(Math.abs(rounded)) / 3 + 1e-9);
  const prefix = prefixes[group + 8];
  if (prefix === undefined) return `${formatNumber(value, { digits })} ${unit}`;
  const scaled = Number(`${rounded}e${-3 * group}`);
  const shown = Number.isNaN(scaled) ? rounded * 10 ** (-3 * group) : scaled;
  return `${formatNumber(shown, { digits })} ${prefix}${unit}`;
}

/**
 * A share as percent: one decimal from 10 % up, two significant digits below, no needless zeros; `91.8 %`, `7.6 %`,
 * `0.42 %`.
 *
 * @param decimals a fixed number of decimals, so that figures stand under each other
 */
export function formatPercent(share: Quantity, decimals?: number): string {
  if (!isNumber(share)) return missing;
  if (!Number.isFinite(share)) return `${formatNumber(share)} %`;
  const percent = 100 * share;
  if (decimals !== undefined) return `${percent.toFixed(decimals)} %`;
  const magnitude = Math.abs(percent);
  if (magnitude >= 9.95) return `${trimmed(percent.toFixed(1))} %`;
  if (magnitude >= 0.01) return `${trimmed(percent.toPrecision(2))} %`;
  return `${formatNumber(percent, { digits: 2 })} %`;
}

/**
 * A score in the unit of its measure: a share as percent, else a number with its unit.
 *
 * @param decimals of a share, as in `formatPercent`
 */
export function formatScore(score: Quantity, unit: MeasureDescription["unit"], decimals?: number): string {
  if (unit === "share") return formatPercent(score, decimals);
  return isNumber(score) && unit !== "" ? `${formatNumber(score)} ${unit}` : formatNumber(score);
}

/** A time in seconds as people say it: `840 ms`, `12.3 s`, `2 min 05 s`, `1 h 02 min`. */
export function formatSeconds(seconds: Quantity): string {
  if (!isNumber(seconds) || !Number.isFinite(seconds)) return formatNumber(seconds);
  if (seconds < 0) return `-${formatSeconds(-seconds)}`;
  if (seconds < 59.95) return formatSi(seconds, "s");
  const pad = (n: number) => String(n).padStart(2, "0");
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  return `${formatNumber(seconds / 86_400)} days`;
}

/** A whole number with commas between thousands: `61,706`. */
export function formatCount(count: Quantity): string {
  if (!isNumber(count) || !Number.isFinite(count)) return formatNumber(count);
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** How many times: `4.7`, `2.0`, `12`; two significant digits below ten. */
export function formatTimes(ratio: Quantity): string {
  if (!isNumber(ratio) || !Number.isFinite(ratio)) return formatNumber(ratio);
  return Math.abs(ratio) >= 9.95 ? formatNumber(Math.round(ratio)) : ratio.toPrecision(2);
}
