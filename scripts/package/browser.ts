/** @file The pure entry points in a browser: bundled from the installed package, their numbers beside those of Node. */
import { join } from "node:path";
import { chromium } from "playwright-core";
import { chromiumPath } from "../shipped-explorer.ts";
import { bundle } from "./bundle.ts";
import { run, type Project } from "./project.ts";

type Numbers = Readonly<Record<string, number>>;

/** What a consumer finds in the browser and under Node. */
export interface BothNumbers {
  readonly browser: Numbers;
  readonly node: Numbers;
  /** Paths of a chart drawn in the browser. */
  readonly paths: number;
}

/** Runs the consumer's numbers in Chromium and under a Node. @throws Error where a built-in of Node is left over */
export async function numbersInBoth({ folder }: Project, node: string): Promise<BothNumbers> {
  const { code, imports } = await bundle(join(folder, "numbers.mjs"), folder);
  if (imports.length > 0) throw new Error(`The bundle for browsers imports ${imports.join(", ")}.`);
  const underNode = run(
    node,
    ["-e", 'import("./numbers.mjs").then(({ numbers }) => console.log(JSON.stringify(numbers())))'],
    folder,
  );
  const browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    const found = await page.evaluate(async (source) => {
      const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const { numbers, drawnPaths } = (await import(address)) as {
        numbers: () => Record<string, number>;
        drawnPaths: (document: unknown) => number;
      };
      return { numbers: numbers(), paths: drawnPaths(Reflect.get(globalThis, "document")) };
    }, code);
    if (complaints.length > 0) throw new Error(`The page complains: ${complaints.join("; ")}`);
    return {
      browser: found.numbers,
      node: JSON.parse(underNode.stdout) as Numbers,
      paths: found.paths,
    };
  } finally {
    await browser.close();
  }
}

/** Numbers that differ by more than the rounding of a few functions of the two engines. */
export function differing({ browser, node }: BothNumbers): string[] {
  return Object.entries(node).flatMap(([name, value]) => {
    const other = browser[name];
    const isSame = other !== undefined && Math.abs(other - value) <= 1e-12 * Math.abs(value);
    return isSame && Number.isFinite(value) ? [] : [`${name}: ${value} under Node, ${other} in the browser`];
  });
}
