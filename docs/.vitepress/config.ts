/** @file The site: `npm run docs:dev` and `npm run docs:build`. It needs no network when it is read. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type DefaultTheme } from "vitepress";
import { anchorOf, rooms, siteLink } from "./pages.ts";

const item = (text: string, link: string): DefaultTheme.SidebarItem => ({ text, link });

const sidebar: DefaultTheme.SidebarItem[] = [
  {
    text: "Start",
    items: [
      item("Ten minutes", "/start"),
      item("For the hardware engineer", "/guide-hardware"),
      item("For the ML engineer", "/guide-ml"),
      item("For the researcher", "/guide-research"),
    ],
  },
  {
    text: "Theory",
    items: [
      item("From a barrier to p", "/physics"),
      item("The error law", "/error-law"),
      item("Compensation (TAC)", "/tac"),
      item("Beyond TAC: joint plans", "/beyond"),
      item("Faults", "/faults"),
      item("Codes", "/codes"),
      item("Operators with a gradient", "/gradient-operators"),
    ],
  },
  {
    text: "In use",
    items: [
      item("The explorer", "/explorer"),
      item("What the memory holds", "/memory"),
      item("Model files", "/models"),
      item("Data", "/data"),
      item("Measures", "/measures"),
      item("Campaigns", "/campaigns"),
      item("Workers", "/workers"),
      item("From a plan to silicon", "/silicon"),
    ],
  },
  {
    text: "Reference",
    items: [
      item("Commands", "/commands"),
      item("Files and --json", "/files"),
      {
        text: "Library",
        link: "/library",
        collapsed: true,
        items: rooms.map((room) => item(room, `/api/${room}`)),
      },
      item("The package", "/package"),
      item("What is supported", "/conformance"),
    ],
  },
  {
    text: "Findings",
    items: [item("Results", "/results"), item("What things cost", "/benchmarks"), item("The zoo", "/zoo/")],
  },
  {
    text: "Project",
    items: [
      item("Architecture", "/project/architecture"),
      item("Dependencies", "/dependencies"),
      item("Changes", "/project/changes"),
      item("Working on qtaml", "/project/contributing"),
    ],
  },
];

/** Pages of docs that no heading above names: they are shown all the same. */
const shown = JSON.stringify(sidebar);
const others = readdirSync(join(import.meta.dirname, ".."))
  .filter((name) => name.endsWith(".md") && name !== "index.md")
  .map((name) => name.slice(0, -".md".length))
  .filter((name) => !shown.includes(`"/${name}"`));
if (others.length > 0) {
  const title = (name: string) =>
    /^# (.*)/m.exec(readFileSync(join(import.meta.dirname, "..", `${name}.md`), "utf8"))?.[1] ?? name;
  sidebar.push({ text: "More", items: others.map((name) => item(title(name), `/${name}`)) });
}

export default defineConfig({
  title: "qtaml",
  description:
    "What bit flips do to a neural network's stored weights, which bits to protect, and proof that it works.",
  lang: "en-GB",
  base: process.env["DOCS_BASE"] ?? "/",
  // Hosted as plain files, where nothing adds the ending.
  cleanUrls: false,
  srcExclude: ["**/README.md"],
  head: [
    [
      "link",
      {
        rel: "icon",
        href: "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><path d='M1 9q1.5-6 3 0t3 0' fill='none' stroke='%230072b2' stroke-width='1.6'/><rect x='7.5' y='2' width='3' height='12' fill='%23d55e00'/><path d='M11 8.6q1-1.6 2 0t2 0' fill='none' stroke='%230072b2' stroke-width='1.2'/></svg>",
      },
    ],
  ],
  markdown: {
    anchor: { slugify: anchorOf },
    config(md) {
      // Tables of figures keep each cell on one line, and are scrolled.
      md.renderer.rules["table_open"] = (tokens, i) => {
        const kind = tokens[i]!.attrGet("class");
        return `<table tabindex="0"${kind === null ? "" : ` class="${kind}"`}>\n`;
      };
      md.core.ruler.push("figure-tables", ({ tokens }) => {
        let start = -1;
        let longest = 0;
        for (const [i, token] of tokens.entries()) {
          if (token.type === "tbody_open") longest = 0;
          if (token.type === "table_open") start = i;
          if (token.type === "inline" && tokens[i - 1]?.type === "td_open") {
            const text = (token.children ?? []).map(({ content }) => content).join("");
            longest = Math.max(longest, text.length);
          }
          if (token.type === "table_close" && longest <= 32) tokens[start]!.attrJoin("class", "figures");
        }
      });
      md.core.ruler.push("site-links", ({ tokens, env }) => {
        const { relativePath } = env as { relativePath: string };
        for (const { children } of tokens) {
          let isElsewhere = false;
          for (const token of children ?? []) {
            if (token.type === "link_close" && isElsewhere) token.tag = "span";
            if (token.type !== "link_open") continue;
            const link = siteLink(relativePath, token.attrGet("href") ?? "");
            isElsewhere = link === undefined;
            if (link !== undefined) token.attrSet("href", link);
            else {
              token.tag = "span";
              token.attrs = [];
            }
          }
        }
      });
    },
  },
  vite: {
    build: { chunkSizeWarningLimit: 4000 },
  },
  themeConfig: {
    nav: [
      { text: "Start", link: "/start" },
      { text: "Theory", link: "/physics" },
      { text: "Commands", link: "/commands" },
      { text: "Results", link: "/results" },
    ],
    sidebar,
    outline: { level: [2, 3] },
    search: { provider: "local" },
    docFooter: { prev: "Before", next: "Next" },
    footer: { message: "MIT licence" },
  },
});
