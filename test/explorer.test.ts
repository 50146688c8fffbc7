/**
 * @file The explorer end to end in a real browser: every view with a server behind it, on a desk, on a phone and in the
 * dark. Needs Debian's chromium (`apt-get install chromium`) or a path in CHROMIUM.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "axe-core";
import { chromium, type Browser, type Page, type Locator } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { assess } from "../src/assessment/index.ts";
import { symmetricFlips } from "../src/channel/index.ts";
import { readDataset } from "../src/data/index.ts";
import { serialiseModel } from "../src/onnx/index.ts";
import { hardenByPlan } from "../src/simulation/index.ts";
import { QtamlError } from "../src/errors.ts";
import { parsePlan } from "../src/protect/index.ts";
import { startServer, type ModelSource, type RunningServer } from "../src/server/index.ts";

const executablePath = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);
const root = join(import.meta.dirname, "..");
const zoo = (name: string) => join(root, "zoo", name);

/** Without a browser the tests are skipped with a line that says how to get one; in CI that is a failure. */
const isSkipped = executablePath === undefined && process.env["CI"] !== "true";
if (isSkipped) {
  process.stderr.write("Skipped: the explorer in a browser. Install chromium, or name one in CHROMIUM.\n");
}

const memory = { flips: { p01: 0.1, p10: 0.1 }, device: null };

const source: ModelSource = {
  name: "lenet.onnx",
  memory,
  async open(onProgress) {
    const read = async (name: string, limit: number) =>
      (await readDataset({ data: [zoo(name)], limit })).dataset;
    const assessment = await assess(
      { name: "lenet.onnx", bytes: readFileSync(zoo("lenet.onnx")) },
      {
        flips: (bits) => symmetricFlips(0.1, bits),
        calibration: await read("fashion-mnist-calibration-256.npz", 16),
        jacobian: { threads: 1, onProgress: (done, total) => onProgress("Jacobian", done, total) },
      },
    );
    return { assessment, data: await read("fashion-mnist-test-2000.npz", 60), warnings: [] };
  },
};

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string }[];
}

/** What axe-core finds serious on a page. */
async function seriousProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate("axe.run()")) as { violations: Violation[] };
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 200)}`);
}

describe.skipIf(isSkipped)("the explorer", () => {
  const pages = mkdtempSync(join(tmpdir(), "qtaml-explorer-"));
  const complaints: string[] = [];
  let browser: Browser;
  let server: RunningServer;

  beforeAll(async () => {
    await build({
      root: join(root, "web"),
      configFile: join(root, "web", "vite.config.ts"),
      logLevel: "warn",
      build: { outDir: pages, emptyOutDir: true },
    });
    server = await startServer({ source, port: 0, pages, settings: { threads: 1 } });
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ["--no-sandbox", "--disable-gpu"],
    });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(pages, { recursive: true, force: true });
  });

  /** The words of an element, with plain spaces before per cent signs. */
  const said = async (place: Locator) => (await place.textContent())?.replaceAll("\u00a0%", " %");

  /** A page at an address, whose complaints are kept. */
  async function open(
    hash: string,
    {
      width = 1200,
      isDark = false,
      url = server.url,
    }: { width?: number; isDark?: boolean; url?: string } = {},
  ): Promise<Page> {
    const page = await browser.newPage({
      viewport: { width, height: 900 },
      colorScheme: isDark ? "dark" : "light",
    });
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(`${url}${hash}`);
    return page;
  }

  /** What each view shows when it is there. */
  const views = [
    { hash: "#device", figure: "barrier" },
    { hash: "#errors", figure: "errors" },
    { hash: "#network", figure: "kept" },
    { hash: "#compare", figure: "kept" },
    // Another test may have tried chips before.
    { hash: "#verification", text: /No chip has been tried yet|Mean over chips/ },
  ];

  it.each(
    views.flatMap((view) => [
      { ...view, width: 1200, isDark: false },
      { ...view, width: 390, isDark: true },
    ]),
  )("shows $hash at $width pixels, fit for all readers", async ({ hash, figure, text, width, isDark }) => {
    const page = await open(hash, { width, isDark });
    await (figure === undefined ? page.getByText(text).first() : page.locator(`svg.qt-${figure}`)).waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    expect(await page.locator("h1").count()).toBe(1);
    expect(complaints.splice(0)).toEqual([]);
    await page.close();
  });

  it("follows the budget at once, by hand and by keyboard, and keeps it in the address", async () => {
    const page = await open("#network?budget=0.05");
    const answer = page.locator("p.answer");
    const map = page.locator("svg.qt-protection-map");
    const score = () => page.locator("svg.qt-kept").getAttribute("aria-label");
    await expect.poll(() => said(answer)).toMatch(/^TAC with 5 % of the bits is predicted to keep/);
    // No line begins with a per cent sign.
    expect(await answer.textContent()).not.toContain(" %");
    const before = await map.getAttribute("aria-label");
    const slider = page.getByRole("slider", { name: "Budget" });
    await slider.focus();
    for (let i = 0; i < 5; i++) await slider.press("ArrowRight");
    await expect.poll(() => said(answer)).toContain("TAC with 5.5 %");
    expect(await map.getAttribute("aria-label")).not.toBe(before);
    await expect.poll(score).toContain("5.5 % protected");
    await expect.poll(() => page.url()).toContain("budget=0.055");
    await page.getByRole("button", { name: "Take the least budget predicted for it" }).click();
    await expect.poll(() => said(answer)).not.toContain("less than");
    await page.getByLabel("Protected bits are held in").selectOption("secded(72,64)");
    await expect.poll(() => page.locator(".warnings").first().textContent()).toContain("of no use here");
    await expect.poll(() => page.url()).toContain("code=secded");
    const shared = page.url();
    await page.close();
    const again = await open(shared.slice(shared.indexOf("#")));
    await expect.poll(() => again.locator(".warnings").first().textContent()).toContain("of no use here");
    expect(complaints.splice(0)).toEqual([]);
    await again.close();
  });

  it("says what of an address it cannot show, until that is changed", async () => {
    const page = await open("#network?p01=7&policy=zzz&budget=much&keep=0.9&thickness=3");
    const notes = page.locator("main > .warnings li");
    await expect
      .poll(() => notes.allTextContents())
      .toEqual([
        'No view knows the "thickness" of the address; it is left out.',
        "The address asks for p01 = 7; 0.5 is taken instead.",
        "The address asks for policy = zzz; tac is taken instead.",
        "The address asks for budget = much; 0.2 is taken instead.",
      ]);
    await page.getByLabel("p01: a stored 0 is read as 1, exact figure").fill("0.2");
    await page.keyboard.press("Tab");
    await expect.poll(() => notes.count()).toBe(2);
    await page.getByLabel("Bits are chosen by").selectOption("tac");
    await expect.poll(() => notes.allTextContents()).toEqual([expect.stringContaining("budget = much")]);
    await page.evaluate("location.hash = '#network?keep=0.9'");
    await expect.poll(() => notes.count()).toBe(0);
    await page.evaluate("location.hash = '#verification?plans=tac:2&until=done&policies=tac,zzz'");
    await expect
      .poll(() => notes.allTextContents())
      .toEqual([
        "The address asks for plans = tac:2; what policies and budgets say is taken instead.",
        "The address asks for policies = tac,zzz; tac is taken instead.",
        "The address asks for until = done; chips is taken instead.",
      ]);
    await page.close();
    const lost = await open("#nope?p01=0.01&p10=0.01");
    await expect
      .poll(() => lost.locator("main > .warnings li").allTextContents())
      .toEqual(['There is no view "nope"; this is Device.']);
    await lost.getByRole("link", { name: "Network" }).click();
    await lost.locator("svg.qt-kept").waitFor();
    expect(await lost.locator("main > .warnings").count()).toBe(0);
    expect(complaints.splice(0)).toEqual([]);
    await lost.close();
  });

  it("keeps what is being typed while the page draws itself anew", async () => {
    const page = await open("#network?p01=0.1&p10=0.1");
    const typed = page.getByLabel("p01: a stored 0 is read as 1, exact figure");
    await typed.fill("0.2");
    await page.evaluate("location.hash = '#network?p01=0.1&p10=0.05'");
    await expect
      .poll(() => page.getByLabel("p10: a stored 1 is read as 0, exact figure").inputValue())
      .toBe("0.05");
    expect(await typed.inputValue()).toBe("0.2");
    await typed.press("Tab");
    await expect.poll(() => page.url()).toContain("p01=0.2&p10=0.05");
    await typed.fill("nonsense");
    await typed.press("Tab");
    await expect.poll(() => typed.inputValue()).toBe("0.2");
    await page.close();
  });

  it("moves flip probabilities by decades in every view, and takes none where it is typed", async () => {
    for (const view of ["errors", "network", "verification"]) {
      const page = await open(`#${view}?p01=0.001&p10=0.001`);
      const slider = page.getByRole("slider", { name: "p01" });
      await slider.press("ArrowRight");
      await expect.poll(() => slider.getAttribute("aria-valuetext")).toMatch(/^0\.00105$|^0\.001047$/);
      await page.close();
    }
    const page = await open("#errors");
    const typed = page.getByLabel("p01: a stored 0 is read as 1, exact figure");
    await typed.fill("0");
    await typed.press("Tab");
    await expect.poll(() => page.url()).toContain("p01=0&");
    expect(await typed.inputValue()).toBe("0");
    await page.locator("svg.qt-errors").waitFor();
    expect(complaints.splice(0)).toEqual([]);
    await page.close();
  });

  it("runs a campaign from start to report, and replays a chip of it", async () => {
    const page = await open("#verification?budgets=20,60&chips=40");
    await page.getByRole("button", { name: "Try 40 chips under 4 plans" }).click();
    const answer = page.locator("p.answer");
    await expect.poll(() => said(answer)).toMatch(/^All chips were tried: 40 chips in /);
    // The sentence says what the verdicts in the table say.
    const verdicts = await page
      .getByRole("region", { name: "Plans" })
      .locator("td:nth-child(3)")
      .allTextContents();
    expect(verdicts).toEqual(["misses it", "keeps it", "misses it", "keeps it"]);
    expect(await said(answer)).toMatch(/: 60 % by TAC, 60 % by Uniform-MSP\.$/);
    await page
      .getByText(/Interpolated between the overheads tried, the mean meets the target at .* under TAC/)
      .waitFor();
    const rows = page.getByRole("region", { name: "Plans" }).locator("tbody tr");
    expect(await rows.count()).toBe(4);
    const chart = page.locator("svg.qt-accuracy");
    expect(await chart.getAttribute("aria-label")).toContain("TAC reaches it with");
    // The axis covers every plan.
    const ticks = await chart.locator("g.x-axis-tick-label text").allTextContents();
    expect(Math.max(...ticks.map(Number))).toBeGreaterThanOrEqual(60);
    await expect
      .poll(() => page.locator("svg.qt-yield").getAttribute("aria-label"))
      .toMatch(/^40 chips by accuracy/);
    await page.getByRole("button", { name: /^the worst/ }).click();
    await page.getByText("samples otherwise than the clean network").waitFor();
    const changed = await page.locator(".samples li").count();
    expect(await page.getByText(/^Chip \d+ answers/).textContent()).toContain(
      `answers ${changed} of 60 samples`,
    );
    expect(await seriousProblems(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    expect(complaints.splice(0)).toEqual([]);
    await page.close();
  });

  it("stops a campaign, keeps what it found, and shows it to who comes later", async () => {
    const page = await open("#verification?budgets=30&policies=tac&chips=10000");
    await page.getByRole("button", { name: /^Try 10,000 chips/ }).click();
    // Until then the page may show the campaign of another test.
    await expect.poll(() => said(page.locator("p.answer"))).toMatch(/^[1-9][\d,]* of (about )?10,000 chips/);
    await page.getByRole("button", { name: "Stop" }).click();
    await expect.poll(() => said(page.locator("p.answer"))).toMatch(/^Stopped: [\d,]+ chips/);
    const found = await said(page.locator("p.answer"));
    await page.close();
    const later = await open("#verification");
    await expect.poll(() => said(later.locator("p.answer"))).toBe(found);
    expect(complaints.splice(0)).toEqual([]);
    await later.close();
  });

  it("compares two plans, tries both on the same chips, and hands out plan, model, pictures and data", async () => {
    const page = await open("#compare?budgetA=0.25&budgetB=0.25&chips=10");
    const answer = page.locator("p.answer");
    await expect.poll(() => said(answer)).toMatch(/: A keeps more for no more\.$/);
    /** A file that a button of plan A saves. */
    const saved = async (name: string, isExact = true) => {
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name, exact: isExact }).first().click();
      const file = await download;
      return { name: file.suggestedFilename(), content: readFileSync(await file.path()) };
    };
    const plan = await saved("Plan (JSON)");
    expect(plan.name).toBe("lenet-plan.json");
    const parsed = parsePlan(JSON.parse(plan.content.toString()), plan.name);
    expect(parsed).toMatchObject({ policy: "tac", goal: { budget: 0.25 } });
    const model = await saved("Hardened model (ONNX)");
    expect(model.name).toBe("lenet-hardened.onnx");
    const { assessment } = (await server.workbench.opened())!;
    expect(model.content.equals(serialiseModel(hardenByPlan(assessment, parsed)))).toBe(true);
    const svg = (await saved("Save as SVG: plan-a")).content.toString();
    expect(svg).toMatch(/^<svg|^<\?xml/);
    expect(svg).not.toContain("var(");
    expect((await saved("Save as PNG: plan-a")).content.subarray(1, 4).toString()).toBe("PNG");
    expect((await saved("Save as CSV: plan-a")).content.toString()).toMatch(/^tensor,bit,share/);
    await page.getByText("10 chips, shown in the view Verification, which opens.").waitFor();
    await page.getByRole("button", { name: "Try both on the same chips" }).click();
    await expect.poll(() => page.url()).toContain("#verification");
    await expect
      .poll(() => said(page.locator("p.answer")))
      .toMatch(
        /^All chips were tried: 10 chips .* is kept is still open: TAC with 25 %, Uniform-MSP with 25 %\.$/,
      );
    const rows = page.getByRole("region", { name: "Plans" }).locator("tbody tr");
    expect(await rows.allTextContents()).toEqual([
      expect.stringMatching(/^TAC25 %/),
      expect.stringMatching(/^Uniform-MSP25 %/),
    ]);
    // The panel stands at what is tried.
    expect(await page.locator(".own-plans li").allTextContents()).toEqual(["TAC, 25 %", "Uniform-MSP, 25 %"]);
    await page.getByRole("button", { name: "Try 10 chips under 2 plans" }).waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    await page.getByRole("button", { name: "Choose other plans" }).click();
    await page.getByRole("button", { name: "Try 10 chips under 10 plans" }).waitFor();
    expect(await page.getByLabel("Budgets").inputValue()).toBe("10, 20, 30, 40, 50");
    expect(complaints.splice(0)).toEqual([]);
    await page.close();
  });

  it("says what is wrong with a campaign before it is asked for", async () => {
    const page = await open("#verification?budgets=20,much");
    await expect.poll(() => page.getByRole("alert").textContent()).toContain('"much" is no budget');
    await page.getByLabel("Budgets").fill("20 40");
    await page.getByLabel("Budgets").press("Tab");
    await expect.poll(() => page.getByRole("alert").count()).toBe(0);
    await expect.poll(() => page.url()).toContain("budgets=20+40");
    expect(complaints.splice(0)).toEqual([]);
    await page.close();
  });

  it("is what qtaml serve serves, and says when that has died", async () => {
    // The command serves the page that lies beside it.
    await build({ configFile: join(root, "web", "vite.config.ts"), logLevel: "warn" });
    const data = ["--data", zoo("fashion-mnist-test-2000.npz"), "--limit", "40", "--threads", "1"];
    const flags = [...data, "--p", "0.02"];
    const command = ["serve", zoo("lenet.onnx"), ...flags, "--port", "0", "--json"];
    const child = spawn(process.execPath, [join(root, "src/cli/main.ts"), ...command]);
    try {
      let text = "";
      child.stdout.on("data", (piece: Buffer) => (text += piece.toString()));
      await expect.poll(() => text).toMatch(/\}\n$/);
      const { url } = JSON.parse(text) as { url: string };
      const device = await open("#device", { url });
      const sentence = device.locator("p.answer");
      await expect.poll(() => said(sentence)).toBe("A stored bit flips with probability 0.02.");
      await device.getByText("reckon with p = 0.02, and this view begins with an oxide").waitFor();
      const thickness = device.getByLabel("Thickness in nm, exact figure");
      const begun = await thickness.inputValue();
      await thickness.fill("3");
      await thickness.press("Tab");
      await expect.poll(() => said(sentence)).not.toContain("0.02");
      await device.getByRole("button", { name: "Find the thickness that gives that" }).click();
      await expect.poll(() => said(sentence)).toContain("0.02");
      expect(await thickness.inputValue()).toBe(begun);
      await device.close();
      const page = await open("#verification?policies=tac&budgets=30&chips=10000", { url });
      await page.getByRole("button", { name: /^Try 10,000 chips/ }).click();
      const chips = page.locator("dl.facts dd").first();
      await expect.poll(() => chips.textContent()).toMatch(/^[1-9]/);
      child.kill("SIGKILL");
      await page.getByText("The server does not answer").waitFor();
      await page.close();
      // The browser complains of the connection itself.
      expect(complaints.splice(0).filter((text) => !text.includes("ERR_"))).toEqual([]);
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("says in a sentence what is wrong with a model", async () => {
    const failing = await startServer({
      source: {
        name: "broken.onnx",
        memory,
        open: () =>
          Promise.reject(new QtamlError("invalid-file", "Model broken.onnx is cut short; fetch it anew.")),
      },
      port: 0,
      pages,
    });
    try {
      const page = await open("#network", { url: failing.url });
      await expect
        .poll(() => page.getByRole("alert").textContent())
        .toBe("Model broken.onnx is cut short; fetch it anew.");
      expect(complaints.splice(0)).toEqual([]);
      await page.close();
    } finally {
      await failing.close();
    }
  });
});
