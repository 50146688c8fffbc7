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
    writeFileSync(file, await renderReport(sampleReport));
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
        await page.close();
      }
    } finally {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
