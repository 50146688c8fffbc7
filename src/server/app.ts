/** @file The addresses of the local server. */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { Streams } from "./events.ts";
import { guard, mostBodyBytes, refusal } from "./guard.ts";
import type { Page } from "./pages.ts";
import { hardenedOf, planOf } from "./plans.ts";
import { replay } from "./replays.ts";
import { parseCampaign, parsePlanChoice, parseReplay } from "./requests.ts";
import { errorWords } from "./words.ts";
import type { Workbench } from "./workbench.ts";

/** What the server serves. */
export interface AppOptions {
  readonly pages: ReadonlyMap<string, Page>;
  readonly workbench: Workbench;
  readonly token: string;
  /** The port, once it is known. */
  readonly port: () => number;
}

/** The server's answers to requests. */
export function makeApp({ pages, workbench, token, port }: AppOptions): Hono {
  const app = new Hono();
  const streams = new Streams();
  const crowded = () =>
    refusal(503, "too-many-streams", "Too many pages watch this server: close some, and try again.");

  app.use(guard(port, token));
  app.use(
    bodyLimit({
      maxSize: mostBodyBytes,
      onError: () => refusal(413, "too-large", `A request may have ${mostBodyBytes} bytes at most.`),
    }),
  );
  app.get("/api/about", (context) => context.json(workbench.about.value));
  app.get("/api/about/events", () => streams.of(workbench.about) ?? crowded());
  app.get("/api/network", async (context) => {
    const opened = await workbench.opened();
    if (opened === undefined) return refusal(409, "not-open", workbench.about.value.message ?? "");
    return context.json(workbench.snapshot(opened));
  });
  const { campaigns } = workbench;
  app.get("/api/campaign/events", () => streams.of(campaigns.topic) ?? crowded());
  app.get("/api/campaign/scores", (context) => {
    const { kept } = campaigns;
    const chips = [...(kept?.records.values() ?? [])];
    return context.json({
      chips: chips.map(({ outcome }) => outcome.trial),
      scores: (kept?.plans ?? []).map((_, p) => chips.map(({ scores }) => scores[p]!)),
    });
  });
  app.post("/api/campaign", async (context) => {
    const request = parseCampaign(await context.req.text());
    return context.json({ id: campaigns.start(request, await workbench.ready()) });
  });
  app.post("/api/campaign/stop", (context) => {
    campaigns.stop();
    return context.json({});
  });
  app.post("/api/campaign/replay", async (context) => {
    const request = parseReplay(await context.req.text());
    return context.json(await replay(campaigns.kept, request, () => undefined));
  });
  app.post("/api/plan", async (context) => {
    const choice = parsePlanChoice(await context.req.text());
    return context.json(await planOf(await workbench.ready(), choice));
  });
  app.post("/api/hardened", async (context) => {
    const choice = parsePlanChoice(await context.req.text());
    const bytes = await hardenedOf(await workbench.ready(), choice);
    return context.body(bytes, 200, { "Content-Type": "application/octet-stream" });
  });
  app.get("*", (context) => {
    const page = pages.get(context.req.path);
    if (page === undefined) return refusal(404, "not-found", "There is nothing at this address.");
    return context.body(page.content, 200, {
      "Content-Type": page.type,
      "Cache-Control": page.isLasting ? "public, max-age=31536000, immutable" : "no-store",
    });
  });
  app.notFound(() => refusal(404, "not-found", "There is nothing at this address."));
  app.onError((error) => {
    const { code, message } = errorWords(error);
    return refusal(code === "defect" ? 500 : 400, code, message);
  });
  return app;
}
