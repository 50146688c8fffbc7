/**
 * @file Colours, dashes and symbols. Every colour is a CSS variable with a fallback for light paper, so that a page
 * can darken all charts at once and a file of its own needs no style sheet. What colour tells is told again by dash,
 * symbol or words, so that grey prints are enough.
 */
import type { PolicyName } from "../../protect/index.ts";

const fallback = {
  ink: "#1b2430",
  muted: "#586474",
  grid: "#d9dee5",
  paper: "#ffffff",
  tint: "#eef1f5",
  accent: "#0a5fa8",
  warm: "#b3460a",
  green: "#23714a",
  violet: "#6a4fa0",
} as const;

/** A colour's name. */
export type ColourName = keyof typeof fallback;

/** The same names on dark paper. */
const dark: Readonly<Record<ColourName, string>> = {
  ink: "#e8ecf2",
  muted: "#a4afbd",
  grid: "#39424e",
  paper: "#12171d",
  tint: "#1d242c",
  accent: "#6cb6ff",
  warm: "#ff9e64",
  green: "#6fcf97",
  violet: "#c0a8f5",
};

/** The fonts and colours of all charts and of the page. */
export const theme = {
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
  fallback,
  dark,
} as const;

/** A colour for an attribute: the page's variable, or the light colour. */
export function colour(name: ColourName): string {
  return `var(--qt-${name}, ${fallback[name]})`;
}

/** How a policy is drawn and called. */
export interface PolicyStyle {
  readonly label: string;
  readonly colour: ColourName;
  readonly dash: string;
  readonly symbol: "circle" | "square" | "triangle" | "times" | "star" | "diamond" | "plus";
  readonly width: number;
}

/** Policies as drawn. */
export const policyStyles: Readonly<Record<PolicyName, PolicyStyle>> = {
  tac: { label: "TAC", colour: "accent", dash: "none", symbol: "circle", width: 2.5 },
  joint: { label: "joint", colour: "violet", dash: "none", symbol: "diamond", width: 2.5 },
  "uniform-msp": { label: "Uniform-MSP", colour: "warm", dash: "8 4", symbol: "square", width: 2 },
  magnitude: { label: "magnitude", colour: "green", dash: "2 3", symbol: "triangle", width: 2 },
  random: { label: "random", colour: "violet", dash: "9 3 2 3", symbol: "times", width: 1.5 },
  none: { label: "none", colour: "ink", dash: "none", symbol: "star", width: 1.5 },
  "mean-correction": {
    label: "mean correction alone",
    colour: "ink",
    dash: "none",
    symbol: "diamond",
    width: 1.5,
  },
  everything: { label: "everything", colour: "ink", dash: "none", symbol: "plus", width: 1.5 },
};

/** A policy's style; one that is not known is drawn in ink. */
export function policyStyle(name: string): PolicyStyle {
  return (
    (policyStyles as Readonly<Record<string, PolicyStyle>>)[name] ?? {
      ...policyStyles.everything,
      label: name,
    }
  );
}
