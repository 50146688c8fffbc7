/**
 * @file A picture as the reader sees it: drawn by the chart functions of the report to the width there is, with its
 * caption, and kept as SVG, PNG or CSV.
 */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { chartToSvg, type ChartOptions } from "../../src/report/browser.ts";
import { unbroken } from "./controls.tsx";
import { save } from "./save.ts";

/** A table of what a picture shows: a head, then rows. */
export type Table = readonly (readonly (string | number | null)[])[];

/** A picture. */
export interface FigureProps {
  /** Name of the files that it is kept in. */
  readonly name: string;
  readonly draw: (options: ChartOptions) => SVGSVGElement;
  readonly caption: string;
  /** What is drawn, for the CSV file. */
  readonly data: () => Table;
  /** What is shown is of settings before the last. */
  readonly isBusy?: boolean;
}

/** CSV of a table; texts with commas or quotes are quoted, and none can pass for a formula. */
export function formatCsv(table: Table): string {
  const cell = (value: string | number | null) => {
    if (value === null) return "";
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return table.map((row) => `${row.map(cell).join(",")}\n`).join("");
}

/** A picture as PNG, twice as fine as a screen's. */
async function toPng(svg: string, width: number, height: number): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: 2 * width, height: 2 * height });
    canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob === null ? reject(new Error("no picture")) : resolve(blob)), "image/png");
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** The width that an element has, in whole CSS pixels. */
function useWidth(element: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const node = element.current;
    if (node === null) return undefined;
    const measure = () => setWidth(Math.floor(node.getBoundingClientRect().width));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    return () => observer.disconnect();
  }, [element]);
  return width;
}

/** Wider than this a picture does not grow, CSS pixels. */
const widest = 1220;

/** Pictures out of sight are drawn when the slider has rested so long, in ms. */
const restMs = 120;

/** Whether an element is on the screen, or nearly. */
function useIsSeen(element: { readonly current: HTMLElement | null }): { current: boolean } {
  const isSeen = useRef(true);
  useLayoutEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => (isSeen.current = entries.at(-1)!.isIntersecting),
      {
        rootMargin: "40px",
      },
    );
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, [element]);
  return isSeen;
}

/** Draws a picture, and again whenever what it shows or its width changes. */
export function Figure({ name, draw, caption, data, isBusy = false }: FigureProps) {
  const holder = useRef<HTMLDivElement>(null);
  const width = useWidth(holder);
  const isSeen = useIsSeen(holder);
  const isDrawn = useRef(false);
  useLayoutEffect(() => {
    if (width === 0) return undefined;
    const show = () => holder.current?.replaceChildren(draw({ document, width: Math.min(width, widest) }));
    if (isSeen.current || !isDrawn.current) {
      isDrawn.current = true;
      show();
      return undefined;
    }
    const later = setTimeout(show, restMs);
    return () => clearTimeout(later);
  }, [draw, width, isSeen]);
  // A mark for measurements: the time at which the picture of an input was in place.
  useEffect(() => {
    performance.mark("qtaml-drawn");
  }, [draw, width]);
  const drawn = () => holder.current!.querySelector("svg")!;
  const keep = {
    SVG: () => save(`${name}.svg`, new Blob([chartToSvg(drawn())], { type: "image/svg+xml" })),
    PNG: async () => {
      const svg = drawn();
      const size = svg.viewBox.baseVal;
      save(`${name}.png`, await toPng(chartToSvg(svg), size.width, size.height));
    },
    CSV: () => save(`${name}.csv`, new Blob([formatCsv(data())], { type: "text/csv" })),
  };
  return (
    <figure>
      <div class="holder" ref={holder} aria-busy={isBusy} />
      <figcaption>{unbroken(caption)}</figcaption>
      <p class="keep">
        {Object.entries(keep).map(([kind, run]) => (
          <button
            key={kind}
            type="button"
            class="quiet"
            aria-label={`Save as ${kind}: ${name}`}
            onClick={() => void run()}
          >
            {kind}
          </button>
        ))}
      </p>
    </figure>
  );
}
