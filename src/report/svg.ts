/**
 * @file SVG elements, and charts as files of their own.
 */
import { QtamlError } from "../errors.ts";
import { theme } from "./charts/theme.ts";

const svgNamespace = "http://www.w3.org/2000/svg";

/** Attributes of an element; numbers are rounded to hundredths of a unit. */
export type Attributes = Readonly<Record<string, string | number>>;

/** An SVG element with attributes and children; a string becomes a text node. */
export function svgElement<K extends keyof SVGElementTagNameMap>(
  document: Document,
  tag: K,
  attributes: Attributes,
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, typeof value === "number" ? String(Math.round(value * 100) / 100) : value);
  }
  element.append(...children);
  return element;
}

/** `var(--name, fallback)` and `currentColor` as plain colours. */
function resolveColours(value: string): string {
  return value
    .replace(/var\(--[\w-]+,\s*((?:[^()]|\([^()]*\))*)\)/g, "$1")
    .replace(/\bcurrentColor\b/gi, theme.fallback.ink);
}

function resolveTree(element: Element): void {
  for (const { name, value } of Array.from(element.attributes)) {
    const resolved = resolveColours(value);
    if (resolved !== value) element.setAttribute(name, resolved);
  }
  for (const child of Array.from(element.children)) resolveTree(child);
}

/**
 * A chart as the text of an SVG file that stands alone: explicit fonts and colours, a white ground, no variables, no
 * style sheet, nothing to load. The chart itself is not changed.
 *
 * @throws QtamlError `invalid-argument` for an element of a document without a window, which cannot be serialised
 */
export function chartToSvg(chart: SVGSVGElement): string {
  const { ownerDocument: document } = chart;
  const view = document.defaultView;
  if (view === null) {
    throw new QtamlError(
      "invalid-argument",
      "The chart's document has no window: draw into a window's document.",
    );
  }
  const copy = chart.cloneNode(true) as SVGSVGElement;
  resolveTree(copy);
  copy.removeAttribute("xmlns");
  copy.setAttribute("font-family", theme.fontFamily);
  const { paper } = theme.fallback;
  copy.prepend(svgElement(document, "rect", { width: "100%", height: "100%", fill: paper }));
  const text = new view.XMLSerializer().serializeToString(copy).replace(/><(?!\/text|\/?tspan)/g, ">\n<");
  return `<?xml version="1.0" encoding="UTF-8"?>\n${text}\n`;
}
