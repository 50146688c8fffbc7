/**
 * @file HTML as text that escapes what is put into it. Only a `Markup` goes in unescaped, and only `html` and
 * `trusted` make one.
 */
import { plainLines } from "./text.ts";

/** HTML that is safe to put into a page. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template. */
export type Content = string | number | Markup | undefined | readonly Content[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A text as HTML: harmless in elements and in quoted attributes, and with no break before a percent sign. */
export function escapeHtml(text: string): string {
  return plainLines(text)
    .replace(/[&<>"']/g, (c) => entities[c]!)
    .replaceAll(" %", "\u00a0%");
}

function render(content: Content): string {
  if (content === undefined) return "";
  if (content instanceof Markup) return content.text;
  if (typeof content === "string" || typeof content === "number") return escapeHtml(String(content));
  return content.map((part) => render(part)).join("");
}

/** A template of HTML whose values are escaped. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(parts.map((part, i) => part + (i < values.length ? render(values[i]) : "")).join(""));
}

/** HTML that was made by a serialiser or is a constant of ours. */
export function trusted(text: string): Markup {
  return new Markup(text);
}
