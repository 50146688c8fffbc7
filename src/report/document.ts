/** @file A document to draw into where there is no browser. */
import { createRequire } from "node:module";
import type * as Jsdom from "jsdom";

/** An empty document. jsdom takes half a second to load, so it is loaded when a page is drawn. */
export function emptyDocument(): Document {
  const { JSDOM } = createRequire(import.meta.url)("jsdom") as typeof Jsdom;
  return new JSDOM("").window.document;
}
