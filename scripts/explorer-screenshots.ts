/** @file Pictures of every view of the explorer, for docs/explorer.md: `npm run explorer:screenshots`. Needs Chromium. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import sharp from "sharp";
import { chromiumPath, openShipped } from "./shipped-explorer.ts";

const folder = join(import.meta.dirname, "../docs/figures/explorer");
mkdirSync(folder, { recursive: true });

/** Keeps a picture of a page, in few colours: it is in the repository. */
async function keep(page: Page, name: string): Promise<void> {
  const picture = await page.screenshot();
  await sharp(picture)
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
  await take("device", "#device", "thickness", 1250);
  await take("errors", "#errors", "bit-shares", 1150);
  await take("network", "#network?budget=0.27", "kept", 1200);
  await take("compare", "#compare?budgetA=0.27&budgetB=0.45", "kept", 1400);
  await take("network-phone", "#network?budget=0.27", "kept", 844, true);
  const page = await open("#verification?chips=100", 1250);
  await page.getByRole("button", { name: /^Try 100 chips/ }).click();
  await page.getByText(/^All chips were tried/).waitFor({ timeout: 600_000 });
  await keep(page, "verification");
  await page.getByRole("button", { name: /^the worst/ }).click();
  await page.locator(".samples").waitFor({ timeout: 120_000 });
  await page.getByRole("heading", { name: "Chips of one plan" }).evaluate("node => node.scrollIntoView()");
  await page.waitForTimeout(500);
  await keep(page, "verification-chip");
} finally {
  await browser.close();
  await server.close();
}
