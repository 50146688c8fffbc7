/** @file Starts the explorer. */
import { render } from "preact";
import { theme } from "../../src/report/browser.ts";
import { App } from "./app.tsx";
import "./style.css";

/** The charts' colours, on light and on dark paper. */
function colourSheet(): string {
  const variables = (colours: Readonly<Record<string, string>>) =>
    Object.entries(colours)
      .map(([name, value]) => `--qt-${name}:${value}`)
      .join(";");
  return [
    `:root{color-scheme:light dark;${variables(theme.fallback)}}`,
    `@media (prefers-color-scheme:dark){:root:not([data-theme=light]){${variables(theme.dark)}}}`,
    `:root[data-theme=dark]{color-scheme:dark;${variables(theme.dark)}}`,
    ":root[data-theme=light]{color-scheme:light}",
  ].join("\n");
}

const sheet = new CSSStyleSheet();
sheet.replaceSync(colourSheet());
document.adoptedStyleSheets = [sheet];
render(<App />, document.getElementById("app")!);
