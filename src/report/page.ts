/**
 * @file The page around a report: style and head. No scripts, nothing loaded from anywhere.
 */
import { theme } from "./charts/theme.ts";
import { html, trusted, type Markup } from "./markup.ts";

const variables = (colours: Readonly<Record<string, string>>) =>
  Object.entries(colours)
    .map(([name, value]) => `--qt-${name}:${value}`)
    .join(";");

/** Light and dark follow the reader's system; the attribute `data-theme` on the root overrides it. */
const style = `
:root{color-scheme:light dark;${variables(theme.fallback)}}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){${variables(theme.dark)}}}
:root[data-theme=dark]{color-scheme:dark;${variables(theme.dark)}}
:root[data-theme=light]{color-scheme:light}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--qt-paper);color:var(--qt-ink);font:16px/1.55 ${theme.fontFamily};overflow-wrap:break-word}
main,header,footer{max-width:54rem;margin:0 auto;padding:0 1rem}
header{padding-top:2.2rem}
footer{padding-bottom:3rem;color:var(--qt-muted);font-size:.875rem}
.kind{margin:0;color:var(--qt-muted);font-size:.875rem}
h1{font-size:1.25rem;line-height:1.3;margin:.1rem 0 0;font-weight:600}
.headline{font-size:clamp(1.35rem,1rem + 1.8vw,1.9rem);line-height:1.28;font-weight:700;margin:.9rem 0 1.2rem;letter-spacing:-.01em;text-wrap:pretty}
h2{font-size:1.25rem;line-height:1.3;margin:2.6rem 0 .6rem;padding-top:1.1rem;border-top:1px solid var(--qt-grid)}
h3{font-size:1rem;margin:1.6rem 0 .4rem}
p{margin:.6rem 0;max-width:46rem}
a{color:var(--qt-accent)}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.875em}
code{overflow-wrap:anywhere}
pre{background:var(--qt-tint);padding:.8rem 1rem;border-radius:6px;overflow-x:auto;white-space:pre}
dl.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.4rem,1fr));gap:.7rem;margin:1rem 0}
dl.facts div{background:var(--qt-tint);border-radius:8px;padding:.6rem .8rem}
dl.facts dt{font-size:.8rem;line-height:1.3;color:var(--qt-muted)}
dl.facts dd{margin:.15rem 0 0;font-size:1.25rem;font-weight:700;font-variant-numeric:tabular-nums}
dl.facts dd small{display:block;font-size:.78rem;font-weight:400;color:var(--qt-muted)}
figure{margin:1.3rem 0}
figure svg{display:block;max-width:100%;height:auto}
figure .narrow{display:none}
figcaption{margin-top:.4rem;font-size:.92rem;max-width:46rem}
.scroll{overflow-x:auto;margin:.9rem 0;border:1px solid var(--qt-grid);border-radius:8px}
.scroll:focus-visible,summary:focus-visible,pre:focus-visible{outline:2px solid var(--qt-accent);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.55rem .6rem;font-weight:600}
caption span{position:sticky;left:.6rem;display:inline-block;max-width:calc(100vw - 4.5rem)}
th,td{padding:.35rem .6rem;text-align:left;border-top:1px solid var(--qt-grid);white-space:nowrap;vertical-align:top}
thead th{color:var(--qt-muted);font-weight:600;white-space:normal;vertical-align:bottom;min-width:4rem}
tbody th{font-weight:600}
.num{text-align:right;padding-left:.3rem}
.wrap{white-space:normal;overflow-wrap:anywhere;min-width:13rem}
.warnings{margin:1rem 0;padding:.7rem 1rem .7rem 1.1rem;border-left:4px solid var(--qt-warm);background:var(--qt-tint);border-radius:0 8px 8px 0}
.warnings p{margin:0;font-weight:600}
.warnings ul{margin:.3rem 0 0;padding-left:1.2rem}
details{margin:.2rem 0}
summary{cursor:pointer;font-weight:600;padding:.3rem 0}
@media (max-width:719px){figure .wide{display:none}figure .narrow{display:block}figure .narrow svg{width:100%;max-width:32rem}}
@media print{figure .narrow{display:none}figure .wide{display:block}.scroll{overflow:visible;border:0}details:not([open])>*{display:block}}
`.trim();

/** A whole page that needs nothing from anywhere; its policy forbids scripts and requests. */
export function page(title: string, header: Markup, main: Markup, footer: Markup): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <style>
          ${trusted(style)}
        </style>
      </head>
      <body>
        <header>${header}</header>
        <main>${main}</main>
        <footer>${footer}</footer>
      </body>
    </html> `.text;
}
