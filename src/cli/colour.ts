/**
 * @file Colours on terminals. NO_COLOR (no-color.org) takes them away, FORCE_COLOR gives them to files and pipes as
 * well; otherwise a stream has them when it is a terminal that knows them.
 */
import { styleText } from "node:util";
import type { Palette } from "../report/index.ts";

/** A stream that may be a terminal. */
export interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly hasColors?: (() => boolean) | undefined;
}

/** Whether text for a stream may have colours. */
export function hasColours(
  screen: Screen,
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  const { NO_COLOR: no = "", FORCE_COLOR: force = "", TERM: term } = env;
  if (no !== "" || force === "0" || force === "false") return false;
  if (force !== "") return true;
  return screen.isTTY === true && term !== "dumb" && (screen.hasColors?.() ?? true);
}

/** What colours say: headings, things of less weight, good and bad news, warnings. */
export interface Colours extends Palette {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warning: (text: string) => string;
}

const bright: Colours = {
  heading: (text) => styleText("bold", text, { validateStream: false }),
  faint: (text) => styleText("dim", text, { validateStream: false }),
  good: (text) => styleText("green", text, { validateStream: false }),
  bad: (text) => styleText("red", text, { validateStream: false }),
  warning: (text) => styleText("yellow", text, { validateStream: false }),
};

const same = (text: string) => text;
const plain: Colours = { heading: same, faint: same, good: same, bad: same, warning: same };

/** The colours of a stream. */
export const coloursOf = (screen: Screen): Colours => (hasColours(screen) ? bright : plain);
