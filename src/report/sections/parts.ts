/** @file What sections of the report are made of. */
import { html, trusted, type Content, type Markup } from "../markup.ts";
import { formatNumber } from "../numbers.ts";

/** Widths at which every picture is drawn; the page shows the one that fits. */
const widths = { wide: 800, narrow: 360 } as const;

export const number = (value: number | null | undefined, digits = 3) =>
  formatNumber(value, { digits, typeset: true });

export type Draw = (options: { document: Document; width: number }) => SVGSVGElement;

/** Draws a picture twice, for wide and for narrow screens. */
export function figure(document: Document, draw: Draw, caption: Content): Markup {
  const [wide, narrow] = [widths.wide, widths.narrow].map((width) =>
    trusted(draw({ document, width }).outerHTML),
  );
  return html`<figure>
    <div class="wide">${wide}</div>
    <div class="narrow">${narrow}</div>
    <figcaption>${caption}</figcaption>
  </figure> `;
}

/** A list of figures, each with its name and a note. */
export function facts(entries: readonly (readonly [name: string, value: string, note?: string])[]): Markup {
  const items = entries.map(
    ([name, value, note]) =>
      html`<div>
        <dt>${name}</dt>
        <dd>${value}${note === undefined ? "" : html`<small>${note}</small>`}</dd>
      </div> `,
  );
  return html`<dl class="facts">${items}</dl> `;
}

export function warningList(warnings: readonly string[]): Markup {
  if (warnings.length === 0) return html``;
  const items = warnings.map((warning) => html`<li>${warning}</li>`);
  return html`<div class="warnings" role="note">
    <p>${warnings.length === 1 ? "Warning" : "Warnings"}</p>
    <ul>
      ${items}
    </ul>
  </div> `;
}

export function section(id: string, title: string, ...content: readonly Content[]): Markup {
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${content}
  </section> `;
}
