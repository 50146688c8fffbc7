/**
 * @file Pictures of every view of the explorer, for docs/explorer.md: `npm run explorer:screenshots`. Needs Chromium. The
 * words of each picture go to words.txt beside them, so that it can be told without looking whether a picture is old;
 * `--words` writes no picture, and the words of those views that are there at once.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium, type Page } from "playwright-core";
import sharp from "sharp";
import { stampOf } from "../reproduce/stamp.ts";
import { chromiumPath, openShipped } from "./shipped-explorer.ts";

const { values: flags } = parseArgs({ options: { words: { type: "boolean", default: false } } });
const folder = join(import.meta.dirname, "../docs/figures/explorer");
mkdirSync(folder, { recursive: true });

/** What each picture says; those of campaigns stay as they are where only words are asked for. */
const file = join(folder, "words.txt");
const words = new Map(
  flags.words
    ? readFileSync(file, "utf8")
        .split(/^== /m)
        .slice(1)
        .map((part) => [part.split("\n", 1)[0]!, part.slice(part.indexOf("\n") + 1)] as const)
    : [],
);

/** Keeps the words of a page and its picture, in few colours: it is in the repository. */
async function keep(page: Page, name: string): Promise<void> {
  const text = await page.locator("body").innerText();
  const pictures = await page
    .locator("svg[aria-label]")
    .evaluateAll((all) => all.map((svg) => svg.ariaLabel));
  const lines = [...text.split("\n"), ...pictures].map((line) => line?.replace(/\s+/g, " ").trim() ?? "");
  words.set(name, `${lines.filter((line) => line !== "").join("\n")}\n\n`);
  if (flags.words) return;
  await sharp(await page.screenshot())
    .png({ palette: true, quality: 90, effort: 10 })
    .toFile(join(folder, `${name}.png`));
  process.stdout.write(`docs/figures/explorer/${name}.png\n`);
}

const server = await openShipped();
await server.workbench.opened();
const browser = await chromium.launch({
  executablePath: chromiumPath(),
  args: ["--no-sandbox", "--disable-gpu"],
});

async function open(hash: string, height: number, isPhone = false): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width: isPhone ? 390 : 1200, height },
    colorScheme: isPhone ? "dark" : "light",
  });
  await page.goto(`${server.url}${hash}`);
  return page;
}

/** Takes a view as it is when its picture has come to rest. */
async function take(name: string, hash: string, picture: string, height: number, isPhone = false) {
  const page = await open(hash, height, isPhone);
  await page.locator(`svg.qt-${picture}`).waitFor();
  await page.waitForTimeout(1500);
  await keep(page, name);
  await page.close();
}

try {
  words.set("style", `${stampOf(["web/src/style.css", "web/index.html"], {})}\n\n`);
  await take("device", "#device", "thickness", 1250);
  await take("errors", "#errors", "bit-shares", 1150);
  await take("network", "#network?budget=0.27", "kept", 1200);
  await take("compare", "#compare?budgetA=0.27&budgetB=0.45", "kept", 1400);
  await take("network-phone", "#network?budget=0.27", "kept", 844, true);
  if (!flags.words) {
    const page = await open("#verification?chips=100", 1250);
    await page.getByRole("button", { name: /^Try 100 chips/ }).click();
    await page.getByText(/^All chips were tried/).waitFor({ timeout: 600_000 });
    // Pictures out of sight are drawn when the chips have rested.
    await page.waitForTimeout(500);
    await keep(page, "verification");
    await page.getByRole("button", { name: /^the worst/ }).click();
    await page.locator(".samples").waitFor({ timeout: 120_000 });
    await page.getByRole("heading", { name: "Chips of one plan" }).evaluate("node => node.scrollIntoView()");
    await page.waitForTimeout(500);
    await keep(page, "verification-chip");
  }
} finally {
  await browser.close();
  await server.close();
}
writeFileSync(file, Array.from(words, ([name, text]) => `== ${name}\n${text}`).join(""));
