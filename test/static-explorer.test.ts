/**
 * @file The explorer as static files: in a real browser, from a host that knows nothing of qtaml, its chips are those of
 * the command line. Needs Debian's chromium (`apt-get install chromium`) or a path in CHROMIUM.
 */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildStatic } from "../scripts/static-explorer.ts";
import { assess, type Assessment } from "../src/assessment/index.ts";
import { makePlan } from "../src/planning/index.ts";
import { openSimulation, planProtection } from "../src/simulation/index.ts";
import { symmetricFlips } from "../src/channel/index.ts";
import { readDataset, type Dataset } from "../src/data/index.ts";

const executablePath = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);
const isSkipped = executablePath === undefined && process.env["CI"] !== "true";
if (isSkipped) {
  process.stderr.write("Skipped: the static explorer. Install chromium, or name one in CHROMIUM.\n");
}

const zoo = (name: string) => join(import.meta.dirname, "..", "zoo", name);
const chips = 12;
const budgets = [0.2, 0.4];

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** A host of a folder's files. */
function host(folder: string): Promise<Server> {
  const files = new Set(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length)),
  );
  const server = createServer((request, response) => {
    const path = request.url === "/" ? "/index.html" : request.url!;
    if (!files.has(path)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "Content-Type": types[extname(path)] ?? "application/octet-stream" });
    response.end(readFileSync(join(folder, path)));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

describe.skipIf(isSkipped)("the explorer as static files", () => {
  const folder = mkdtempSync(join(tmpdir(), "qtaml-static-"));
  let assessment: Assessment;
  let data: Dataset;
  let server: Server;
  let browser: Browser;

  beforeAll(async () => {
    const read = async (name: string, limit: number) =>
      (await readDataset({ data: [zoo(name)], limit })).dataset;
    data = await read("fashion-mnist-test-2000.npz", 100);
    assessment = await assess(
      { name: "lenet.onnx", bytes: readFileSync(zoo("lenet.onnx")) },
      {
        flips: (bits) => symmetricFlips(0.1, bits),
        calibration: await read("fashion-mnist-calibration-256.npz", 16),
        jacobian: { threads: 1 },
      },
    );
    await buildStatic({ assessment, data, warnings: [] }, folder);
    server = await host(folder);
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ["--no-sandbox", "--disable-gpu"],
    });
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("tries the chips that the command line tries, without a server", async () => {
    const { port } = server.address() as AddressInfo;
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    const complaints: string[] = [];
    const strangers: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      if (!/^(http:\/\/127\.0\.0\.1|blob:|data:)/.test(request.url())) strangers.push(request.url());
    });
    await page.goto(`http://127.0.0.1:${port}/#network`);
    await page.locator("svg.qt-kept").waitFor();
    await page.goto(
      `http://127.0.0.1:${port}/#verification?policies=uniform-msp&budgets=20,40&chips=${chips}`,
    );
    await page.getByRole("button", { name: `Try ${chips} chips under 2 plans` }).click();
    await expect
      .poll(() => page.locator("p.answer").textContent())
      .toMatch(/^All chips were tried: 12 chips/);
    const rows = await page.getByRole("region", { name: "Plans" }).locator("tbody tr").allTextContents();
    const plans = await Promise.all(
      budgets.map((overhead) => makePlan(assessment, { policy: "uniform-msp", overhead })),
    );
    const simulation = await openSimulation(assessment, data, { threads: 1 });
    try {
      const results = await simulation.run(plans.map(planProtection), chips);
      // Two runtimes may round a logit apart, and so one answer of a hundred.
      results.forEach(({ scores }, p) => {
        const mean = scores.reduce((a, b) => a + b, 0) / chips;
        const shown = Number(/([\d.]+) % \(/.exec(rows[p]!.replace(/^.*?% ?/, ""))?.[1]) / 100;
        expect(Math.abs(shown - mean)).toBeLessThan(0.002);
      });
    } finally {
      await simulation.close();
    }
    expect(strangers).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("stops, and keeps what it found", async () => {
    const { port } = server.address() as AddressInfo;
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}/#verification?policies=tac&budgets=30&chips=10000`);
    await page.getByRole("button", { name: /^Try 10,000 chips/ }).click();
    await expect.poll(() => page.locator("dl.facts dd").first().textContent()).toMatch(/^[1-9]/);
    await page.getByRole("button", { name: "Stop" }).click();
    await expect.poll(() => page.locator("p.answer").textContent()).toMatch(/^Stopped: \d+ chips/);
    await page.close();
  });
});
