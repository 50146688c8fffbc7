/** @file The list of `npm run regenerate` is whole, and what its steps wrote is of the networks and settings of today. */
import { globSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { areAlike } from "../regenerate/compare.ts";
import { sectionOf, withSection } from "../regenerate/section.ts";
import { commandOf, sectionStamp, steps, stepsTable } from "../regenerate/steps.ts";
import { stampsIn } from "../reproduce/stamp.ts";
import { inRepository } from "./cli-run.ts";
import { documentText, rowOf } from "./documents.ts";

const { scripts } = JSON.parse(documentText("package.json")) as { scripts: Record<string, string> };

describe("the steps of npm run regenerate", () => {
  it("are scripts of package.json, and leave out none that writes documents", () => {
    const named = new Set(steps.map(({ script }) => script));
    expect([...named].filter((script) => scripts[script] === undefined)).toEqual([]);
    const site = new Set(["docs:dev", "docs:build", "docs:preview"]);
    const writing = Object.keys(scripts).filter(
      (script) => /^(?:bench|docs|figures|reproduce)\b/.test(script) && !site.has(script),
    );
    expect(writing.filter((script) => !named.has(script))).toEqual([]);
  });

  it("write every figure of the documents", () => {
    const cwd = inRepository("");
    const figures = globSync("docs/figures/**/*.{svg,png}", { cwd });
    const written = new Set(steps.flatMap(({ writes }) => globSync([...writes], { cwd })));
    expect(figures.length).toBeGreaterThan(20);
    expect(figures.filter((path) => !written.has(path))).toEqual([]);
    expect(steps.filter(({ writes }) => globSync([...writes], { cwd }).length === 0)).toEqual([]);
  });

  it("are listed in CONTRIBUTING.md, or npm run docs:quotations lists them", () => {
    expect(sectionOf(documentText("CONTRIBUTING.md"), "steps").trim()).toBe(stepsTable());
  });

  const printed = steps.filter(({ section }) => section !== undefined);
  it.each(printed.map((step) => ({ command: commandOf(step), step })))(
    "$command prints a part of docs/benchmarks.md that is of the networks and settings of today",
    ({ step }) => {
      const part = sectionOf(documentText(step.writes[0]!), step.section!);
      expect(stampsIn(part)).toEqual([sectionStamp(step)]);
    },
  );
});

describe("figures of docs/results.md", () => {
  const page = documentText("docs/results.md");
  it.each(
    globSync("results-*{lenet,vgg,resnet,mobilenet,transformer}.svg", { cwd: inRepository("docs/figures") }),
  )("%s is of the same run as the page", (file) => {
    const network = /^results-(.*)\.svg$/.exec(file)![1]!;
    const label = /aria-label="([^"]*)"/.exec(documentText(`docs/figures/${file}`))![1]!;
    const [, tac] = /TAC reaches it with ([\d.]+) %/.exec(label)!;
    expect(rowOf(page, "The headline", `\`${network}\``)["TAC"]).toMatch(
      new RegExp(String.raw`^${tac}(?:\.0)? %`),
    );
  });
});

describe("parts of documents", () => {
  it("are replaced between their markers", () => {
    const document = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n";
    expect(withSection(document, "x", "new $& text\n\n")).toBe(
      "a\n<!-- x -->\nnew $& text\n<!-- end of x -->\nb\n",
    );
    expect(() => sectionOf(document, "y")).toThrow('no part between the markers of "y"');
  });
});

describe("what is made again", () => {
  it.each([
    ['<path d="M10.2,30L40,5"/>', '<path d="M10.4,30L40,5.1"/>', true],
    ['<path d="M10.2,30L40,5"/>', '<path d="M12.2,30L40,5"/>', false],
    ["TAC 26.9 %", "TAC 26.9 %", true],
    ["1000 of 2000 bits", "1005 of 2000 bits", true],
    ["1000 of 2000 bits", "1020 of 2000 bits", false],
    ["TAC 26.9 %", "MSP 26.9 %", false],
    ["1 2", "1 2 3", false],
  ])("%j is like %j: %s", (a, b, like) => {
    expect(areAlike(a, b)).toBe(like);
  });
});
