/**
 * @file The layer-by-bit map: which bits of which tensors are protected, beside how much the tensor matters and how it
 * is read.
 */
import { formatCount, formatNumber, formatPercent } from "../numbers.ts";
import { svgElement, type Attributes } from "../svg.ts";
import { plainText, shorten } from "../text.ts";
import { finishChart, fontSize } from "./frame.ts";
import type { ChartOptions } from "./options.ts";
import { colour } from "./theme.ts";

/** A tensor's row of the map. */
export interface ProtectionRow {
  readonly name: string;
  readonly operator: string | null;
  readonly count: number;
  /** [B] share of the weights whose bit is protected, bit 0 first. */
  readonly shares: readonly number[];
  /** Decoders of its segments. */
  readonly decoder: string;
  /** TAC's score of the bit most worth protecting; null without a Jacobian. */
  readonly score: number | null;
}

interface Layout {
  readonly width: number;
  /** Columns: bits of the widest code. */
  readonly bits: number;
  readonly rowHeight: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly cellsLeft: number;
  readonly cellsTop: number;
  readonly nameTop: number;
  readonly nameLetters: number;
  readonly scoreLeft: number;
  readonly scoreWidth: number;
  readonly decoderLeft: number | null;
}

/** Wide: name, cells, score, decoder in one line. Compact: the name above the cells. */
function layoutFor(width: number, bits: number): Layout {
  if (width >= 600) {
    const cellsLeft = 218;
    const side = 206;
    const cellWidth = Math.min(44, (width - cellsLeft - side) / bits);
    const cellsEnd = cellsLeft + cellWidth * bits;
    return {
      width,
      bits,
      rowHeight: 34,
      cellWidth,
      cellHeight: 26,
      cellsLeft,
      cellsTop: 4,
      nameTop: 14,
      nameLetters: 28,
      scoreLeft: cellsEnd + 18,
      scoreWidth: 76,
      decoderLeft: cellsEnd + 110,
    };
  }
  const scoreWidth = 54;
  return {
    width,
    bits,
    rowHeight: 50,
    cellWidth: (width - scoreWidth - 22) / bits,
    cellHeight: 24,
    cellsLeft: 4,
    cellsTop: 22,
    nameTop: 15,
    nameLetters: Math.floor((width - 120) / 7),
    scoreLeft: width - scoreWidth - 8,
    scoreWidth,
    decoderLeft: null,
  };
}

const headerHeight = 36;
const footerHeight = 26;

/** Scores as shares of the way from the smallest to the largest, on a logarithmic scale of at least two decades. */
function scorePlaces(rows: readonly ProtectionRow[]): (number | null)[] {
  const logs = rows.map(({ score }) => (score !== null && score > 0 ? Math.log10(score) : null));
  const present = logs.filter((log) => log !== null);
  const high = Math.max(...present);
  const low = Math.min(high - 2, ...present);
  return logs.map((log) => (log === null ? null : (log - low) / (high - low)));
}

function rowWords({ name, operator, count, shares, decoder, score }: ProtectionRow): string {
  const bits = shares
    .map((share, k) => ({ share, k }))
    .filter(({ share }) => share > 0)
    .reverse()
    .map(({ share, k }) => (share >= 1 ? `bit ${k}` : `bit ${k} of ${formatPercent(share)} of the weights`));
  return [
    `${plainText(name)}${operator === null ? "" : ` (${plainText(operator)})`}, ${formatCount(count)} weights`,
    `protected: ${bits.join(", ") || "nothing"}`,
    `read: ${decoder}`,
    ...(score === null ? [] : [`score of the best bit: ${formatNumber(score)}`]),
  ].join("\n");
}

/** Draws the map: a row a tensor in the order given, a column a bit from the most significant. */
export function protectionMap(rows: readonly ProtectionRow[], options: ChartOptions): SVGSVGElement {
  const { document, width = 720 } = options;
  const bits = Math.max(1, ...rows.map((row) => row.shares.length));
  const layout = layoutFor(width, bits);
  const height = headerHeight + rows.length * layout.rowHeight + footerHeight;
  const places = scorePlaces(rows);
  const svg = svgElement(document, "svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const text = (x: number, y: number, words: string, more: Attributes = {}) =>
    svgElement(document, "text", { x, y, fill: colour("ink"), ...more }, words);
  const rect = (attributes: Attributes) => svgElement(document, "rect", attributes);

  const header = svgElement(document, "g", { class: "header" });
  for (let k = bits - 1; k >= 0; k--) {
    const x = layout.cellsLeft + (bits - 1 - k + 0.5) * layout.cellWidth;
    header.append(text(x, 30, String(k), { "text-anchor": "middle", "font-weight": 600 }));
  }
  const cellsEnd = layout.cellsLeft + bits * layout.cellWidth;
  header.append(
    text(layout.cellsLeft, 13, "bit: most significant", { fill: colour("muted"), "font-size": 11 }),
    text(cellsEnd, 13, "least", { fill: colour("muted"), "font-size": 11, "text-anchor": "end" }),
  );
  if (places.some((place) => place !== null)) {
    header.append(
      text(layout.scoreLeft, 13, "score", { "font-weight": 600 }),
      text(layout.scoreLeft, 30, "(log)", { fill: colour("muted"), "font-size": 11 }),
    );
  }
  if (layout.decoderLeft !== null)
    header.append(text(layout.decoderLeft, 30, "read", { "font-weight": 600 }));
  svg.append(header);

  for (const [i, row] of rows.entries()) {
    svg.append(
      drawRow(document, row, places[i]!, headerHeight + i * layout.rowHeight, layout, { text, rect }),
    );
  }
  svg.append(
    text(4, height - 8, "filled: protected; a bar: for that % of the weights; empty: can flip", {
      fill: colour("muted"),
      "font-size": 11,
    }),
  );
  const protectedBits = rows.reduce(
    (sum, row) => sum + row.count * row.shares.reduce((bitSum, share) => bitSum + share, 0),
    0,
  );
  const stored = rows.reduce((sum, row) => sum + row.count * row.shares.length, 0);
  return finishChart(svg, {
    id: "protection-map",
    label: `Protected bits of ${rows.length} tensors, ${formatPercent(protectedBits / stored)} of the stored bits. ${rows.map((row) => rowWords(row).replaceAll("\n", "; ")).join(". ")}.`,
  });
}

/** Height of the bar at the foot of a cell that is protected for a part of the weights. */
const barHeight = 8;

/** The share of a cell that is protected in part, with the unit where there is room for it. */
function partWords(share: number, width: number): string {
  const figure = share < 0.01 ? "<1" : share > 0.99 ? ">99" : String(Math.round(100 * share));
  const words = `${figure} %`;
  return 6.4 * words.length <= width ? words : figure;
}

interface Pen {
  readonly text: (x: number, y: number, words: string, more?: Attributes) => SVGTextElement;
  readonly rect: (attributes: Attributes) => SVGRectElement;
}

function drawRow(
  document: Document,
  row: ProtectionRow,
  place: number | null,
  top: number,
  layout: Layout,
  { text, rect }: Pen,
): SVGGElement {
  const group = svgElement(
    document,
    "g",
    { class: "tensor" },
    svgElement(document, "title", {}, rowWords(row)),
  );
  const detail = [row.operator === null ? "" : plainText(row.operator), formatCount(row.count)]
    .filter((part) => part !== "")
    .join(", ");
  const compact = layout.decoderLeft === null;
  group.append(
    text(4, top + layout.nameTop, shorten(plainText(row.name), layout.nameLetters), { "font-weight": 600 }),
    compact
      ? text(layout.width - 8, top + layout.nameTop, shorten(detail, 17), {
          fill: colour("muted"),
          "text-anchor": "end",
          "font-size": 11,
        })
      : text(4, top + layout.nameTop + 14, shorten(`${detail} weights`, 34), {
          fill: colour("muted"),
          "font-size": 11,
        }),
  );
  for (const [k, share] of row.shares.entries()) {
    const x = layout.cellsLeft + (layout.bits - 1 - k) * layout.cellWidth + 1;
    const [w, h] = [layout.cellWidth - 2, layout.cellHeight];
    const y = top + layout.cellsTop;
    group.append(rect({ x, y, width: w, height: h, fill: colour("tint"), stroke: colour("grid") }));
    if (share >= 1) group.append(rect({ x, y, width: w, height: h, fill: colour("accent") }));
    if (share > 0 && share < 1) {
      const barTop = y + h - barHeight;
      group.append(
        rect({ x, y: barTop, width: Math.max(1.5, w * share), height: barHeight, fill: colour("accent") }),
        text(x + w / 2, y + (h - barHeight) / 2 + 4, partWords(share, w), {
          "text-anchor": "middle",
          "font-size": 11,
          "font-weight": 600,
        }),
      );
    }
  }
  if (place !== null) {
    const y = top + layout.cellsTop + layout.cellHeight / 2;
    const x = layout.scoreLeft + 4 + place * (layout.scoreWidth - 8);
    group.append(
      svgElement(document, "line", {
        x1: layout.scoreLeft,
        x2: layout.scoreLeft + layout.scoreWidth,
        y1: y,
        y2: y,
        stroke: colour("grid"),
      }),
      svgElement(document, "circle", { cx: x, cy: y, r: 4.5, fill: colour("warm") }),
    );
  }
  if (layout.decoderLeft !== null) {
    group.append(
      text(
        layout.decoderLeft,
        top + layout.cellsTop + layout.cellHeight / 2 + 4,
        shorten(row.decoder, Math.floor((layout.width - layout.decoderLeft) / 6)),
        {
          "font-size": fontSize - 1,
        },
      ),
    );
  }
  return group;
}
