/**
 * @file The report in a real browser: it asks the network for nothing, logs no error, and does not scroll sideways.
 * Needs Debian's chromium (`apt-get install chromium`) or a path in CHROMIUM.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { expect, it } from "vitest";
import { renderReport } from "../src/report/index.ts";
import { sampleReport } from "./report-sample.ts";

const executablePath = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);

/** Without a browser the test is skipped with a line that says how to get one; in CI that is a failure. */
const isSkipped = executablePath === undefined && process.env["CI"] !== "true";
if (isSkipped) {
  process.stderr.write("Skipped: the report in a browser. Install chromium, or name one in CHROMIUM.\n");
}

it.skipIf(isSkipped)(
  "opens without requests, errors or sideways scrolling, on a desk and on a phone",
  async () => {
    expect(executablePath, "a browser: apt-get install chromium").toBeDefined();
    const folder = mkdtempSync(join(tmpdir(), "qtaml-report-"));
    const file = join(folder, "report.html");
    const { plan, tensors } = sampleReport;
    const report = {
      ...sampleReport,
      tensors: tensors!.map((t, i) => ({ ...t, name: `onnx::MatMul_${144 + i}` })),
      plan: { ...plan!, tensors: plan!.tensors.map((t, i) => ({ ...t, name: `onnx::MatMul_${144 + i}` })) },
    };
    writeFileSync(file, await renderReport(report));
    const browser = await chromium.launch({
      executablePath: executablePath!,
      args: ["--no-sandbox", "--disable-gpu"],
    });
    try {
      for (const width of [1200, 390]) {
        const page = await browser.newPage({ viewport: { width, height: 800 } });
        const requests: string[] = [];
        const complaints: string[] = [];
        page.on("request", (request) => requests.push(request.url()));
        page.on("console", (message) => complaints.push(message.text()));
        page.on("pageerror", (error) => complaints.push(error.message));
        await page.goto(pathToFileURL(file).href);
        expect(requests).toEqual([pathToFileURL(file).href]);
        expect(complaints).toEqual([]);
        const size = await page.evaluate(
          "({ scroll: document.documentElement.scrollWidth, inner: innerWidth })",
        );
        expect(size).toEqual({ scroll: width, inner: width });
        expect(await page.locator("svg:visible").count()).toBeGreaterThanOrEqual(5);
        // On a desk every column of the tensors is there, and names stand in one line.
        const tables = page.locator("section[aria-labelledby=network] .scroll");
        const hidden = await tables.evaluateAll((all) => all.map((box) => box.scrollWidth - box.clientWidth));
        expect(hidden).toHaveLength(2);
        expect(hidden.every((pixels) => pixels === 0)).toBe(width === 1200);
        const heights = await tables
          .locator("tbody th")
          .evaluateAll((all) => all.map((cell) => cell.getBoundingClientRect().height));
        expect(Math.max(...heights)).toBeLessThan(40);
        await page.close();
      }
    } finally {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
