/**
 * @file What the explorer makes its reader wait: the first view after the address is entered, and the picture after a
 * slider has moved. `npm run bench:explorer` after `npm run setup`; needs Chromium.
 */
import { chromium, type Page } from "playwright-core";
import { openShipped, chromiumPath } from "../scripts/shipped-explorer.ts";

const server = await openShipped();
await server.workbench.opened();
const browser = await chromium.launch({
  executablePath: chromiumPath(),
  args: ["--no-sandbox", "--disable-gpu"],
});

const quantile = (values: readonly number[], q: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))]!;
const row = (...cells: readonly (string | number)[]) => process.stdout.write(`| ${cells.join(" | ")} |\n`);
const ms = (value: number) => value.toFixed(0);

/** Milliseconds from the start of loading to the picture, in a browser that knows nothing yet. */
async function firstView(hash: string, picture: string): Promise<number> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
  const page = await context.newPage();
  const started = performance.now();
  await page.goto(`${server.url}${hash}`, { waitUntil: "commit" });
  await page.locator(`svg.qt-${picture}`).waitFor();
  const elapsed = performance.now() - started;
  await context.close();
  return elapsed;
}

/** What moving a slider takes. */
interface Slid {
  /** Milliseconds from each move to the frame that shows the new picture. */
  readonly times: readonly number[];
  /** Processor time of the page's thread a move, in ms: what is left of them on a machine that does nothing else. */
  readonly threadMs: number;
}

/** Moves a slider to and fro. */
async function slide(page: Page, slider: string, picture: string): Promise<Slid> {
  await page.locator(`svg.qt-${picture}`).waitFor();
  await page.waitForTimeout(1500);
  const input = await page.getByRole("slider", { name: slider, exact: true }).getAttribute("id");
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async () =>
    (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration")!.value;
  const before = await busy();
  const times = (await page.evaluate(`(async () => {
    const slider = document.getElementById(${JSON.stringify(input)});
    const holder = document.querySelector("svg.qt-${picture}").parentElement;
    const [low, high] = [Number(slider.min), Number(slider.max)];
    const times = [];
    for (let i = 0; i < 60; i++) {
      const drawn = new Promise((resolve) => {
        const observer = new MutationObserver(() => (observer.disconnect(), resolve()));
        observer.observe(holder, { childList: true });
      });
      const started = performance.now();
      slider.value = String(low + (high - low) * (0.1 + 0.5 * ((i * 37) % 60) / 60));
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      await drawn;
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      times.push(performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return times;
  })()`)) as number[];
  return { times, threadMs: (1000 * ((await busy()) - before)) / times.length };
}

row("first view of", "median of 7, ms", "worst, ms");
row("---", "---", "---");
for (const [hash, picture] of [
  ["#device", "barrier"],
  ["#errors", "errors"],
  ["#network", "kept"],
  ["#compare", "kept"],
] as const) {
  const times: number[] = [];
  for (let i = 0; i < 7; i++) times.push(await firstView(hash, picture));
  row(hash.slice(1), ms(quantile(times, 0.5)), ms(Math.max(...times)));
}
process.stdout.write("\n");
row("slider to picture", "median of 60, ms", "95th percentile, ms", "processor time a move, ms");
row("---", "---", "---", "---");
for (const [hash, slider, picture] of [
  ["#device", "Thickness", "barrier"],
  ["#device", "Hold time", "thickness"],
  ["#errors", "p01: a stored 0 is read as 1", "errors"],
  ["#network", "Budget: protected bits", "protection-map"],
  ["#network", "p01: a stored 0 is read as 1", "protection-map"],
  ["#compare", "Budget of plan A", "kept"],
] as const) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 1400 } });
  await page.goto(`${server.url}${hash}`);
  const { times, threadMs } = await slide(page, slider, picture);
  row(
    `${hash.slice(1)}: ${slider.split(":")[0]!}, ${picture}`,
    ms(quantile(times, 0.5)),
    ms(quantile(times, 0.95)),
    ms(threadMs),
  );
  await page.close();
}
await browser.close();
await server.close();
