/** @file Workers that are not to take part say why, to those who look at them and to the submitter. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { create } from "@bufbuild/protobuf";
import { Redis } from "ioredis";
import { StringStringEntryProtoSchema, TensorProto_DataLocation } from "onnx-buf";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from "vitest";
import { parseAddress } from "../../src/engine/executors/address.ts";
import { packCampaign } from "../../src/engine/executors/campaign.ts";
import { openRedisDepot } from "../../src/engine/executors/depot-redis.ts";
import type { Depot } from "../../src/engine/executors/depot.ts";
import { hashOf, toParts } from "../../src/engine/executors/wire.ts";
import { inlineExecutor, openExecutor, serve, type TrialContext } from "../../src/engine/index.ts";
import { parseModel, serialiseModel } from "../../src/onnx/index.ts";
import { using } from "../support/executor-conformance.ts";
import { hasRedis, startRedis, until, type TestServer } from "../support/servers.ts";
import { startWorker } from "../support/worker-process.ts";
import { trialContext } from "../trials.ts";
import { chipsOf } from "./campaign.ts";

describe.skipIf(!hasRedis)("refusals (where Redis is installed)", () => {
  let server: TestServer;
  let folder: string;
  let context: TrialContext;
  let depot: Depot;
  let said: string[];
  let stop: AbortController;
  let worker: Promise<unknown>;

  const startHere = (allowCode = false) =>
    serve({
      on: server.url,
      threads: 1,
      cache: join(folder, "cache"),
      cacheBytes: 2 ** 30,
      allowCode,
      stallSeconds: 5,
      signal: stop.signal,
      onNotice: (text) => said.push(text),
    });
  /** What the worker says, once it says something like it. */
  const heard = async (pattern: RegExp): Promise<string> => {
    await until(String(pattern), () => said.some((text) => pattern.test(text)), 20);
    return said.join("\n");
  };

  beforeAll(async () => {
    server = await startRedis();
    folder = mkdtempSync(join(tmpdir(), "qtaml-refusals-"));
    ({ context } = await trialContext("lenet", { images: 4 }));
    depot = await openRedisDepot(parseAddress(server.url), () => undefined);
  });
  afterAll(async () => {
    await depot.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    said = [];
    stop = new AbortController();
    worker = startHere();
  });
  afterEach(async () => {
    stop.abort();
    await worker;
  });

  it.each([
    ["qtaml", /of qtaml 99\.0\.0 and this worker of .*install qtaml 99\.0\.0 here/],
    ["onnxruntime", /onnxruntime 99\.0\.0 and this worker on .*install onnxruntime-node 99\.0\.0 here/],
  ])("a worker of another version of %s", async (what, words) => {
    const { campaign } = await packCampaign(context);
    const other = { ...campaign, [what]: "99.0.0" };
    await depot.post("campaign", campaign.id, JSON.stringify(other), 10_000);
    expect(await heard(/^Refuses campaign/)).toMatch(words);
    await depot.withdraw("campaign", campaign.id);
  });

  it("a worker whose processor gives other bits", async () => {
    const { campaign, blobs } = await packCampaign(context);
    for (const [hash, parts] of blobs) await depot.putBlob(hash, parts);
    const other = { ...campaign, canary: "0".repeat(64) };
    await depot.post("campaign", campaign.id, JSON.stringify(other), 10_000);
    expect(await heard(/^Refuses campaign/)).toMatch(/computes other bits for the same chip/);
    await depot.withdraw("campaign", campaign.id);
  });

  it("content that was changed on its way", async () => {
    const { campaign, blobs } = await packCampaign({ ...context, seed: 4711 });
    for (const [hash, parts] of blobs) await depot.putBlob(hash, parts);
    const client = new Redis(server.url);
    await client.setrange(`qtaml:qtaml:blob:${campaign.context}:0`, 5_000, "changed");
    client.disconnect();
    await depot.post("campaign", campaign.id, JSON.stringify(campaign), 10_000);
    expect(await heard(/^Refuses campaign/)).toMatch(/arrived with another hash than it was sent under/);
    await depot.withdraw("campaign", campaign.id);
  });

  it("code from the queue, unless it is allowed; the submitter is told", async () => {
    const file = join(folder, "first-output.mjs");
    writeFileSync(file, "export default ({ outputs }) => outputs[0] > 0 ? 1 : 0;\n");
    const judged = { ...context, measure: { name: file } };
    const jobs = chipsOf(judged, 3);
    const expected = await using(inlineExecutor(judged), (executor) => executor.run(jobs));
    const notices: string[] = [];
    await using(
      openExecutor(judged, { on: server.url, onNotice: (text) => notices.push(text) }),
      async (executor) => {
        const run = executor.run(jobs);
        await heard(/judges by first-output\.mjs, which is code .*--allow-code/);
        await until("word of the refusal", () =>
          notices.some((n) => /Worker .* refuses: .*--allow-code/.test(n)),
        );
        stop.abort();
        await worker;
        stop = new AbortController();
        worker = startHere(true);
        expect(await run).toEqual(expected);
      },
    );
  });

  it("code that the content names though the announcement does not", async () => {
    const { campaign } = await packCampaign(context);
    const parts = toParts({ ...context, measure: { name: join(folder, "unannounced.mjs") } });
    const content = hashOf(parts);
    await depot.putBlob(content, parts);
    await depot.post(
      "campaign",
      content,
      JSON.stringify({ ...campaign, id: content, context: content }),
      10_000,
    );
    expect(await heard(/^(?:Refuses|Serves) campaign/)).toMatch(
      /judges by unannounced\.mjs, which is code .*--allow-code/,
    );
    await depot.withdraw("campaign", content);
  });

  it("a model that names files of the worker", async () => {
    const model = parseModel(context.modelBytes);
    const bias = model.graph.initializer.find(({ name }) => !context.tensors.some((t) => t.name === name))!;
    writeFileSync(join(folder, "secret"), bias.rawData);
    bias.rawData = new Uint8Array();
    bias.dataLocation = TensorProto_DataLocation.EXTERNAL;
    const location = relative(process.cwd(), join(folder, "secret"));
    bias.externalData = [create(StringStringEntryProtoSchema, { key: "location", value: location })];
    const { campaign } = await packCampaign(context);
    const parts = toParts({ ...context, modelBytes: serialiseModel(model) });
    const content = hashOf(parts);
    await depot.putBlob(content, parts);
    const announced = { ...campaign, id: content, context: content };
    await depot.post("campaign", content, JSON.stringify(announced), 10_000);
    expect(await heard(/^(?:Refuses|Serves) campaign/)).toMatch(/are in another file \(.*secret\)/);
    await depot.withdraw("campaign", content);
  });

  it("nobody: the submitter is told how to start a worker, without the password of the server", async () => {
    stop.abort();
    await worker;
    const client = new Redis(server.url);
    await client.config("SET", "requirepass", "open-sesame");
    const url = server.url.replace("redis://", "redis://:open-sesame@");
    const notices: string[] = [];
    await using(
      openExecutor(context, { on: url, queue: "empty", onNotice: (text) => notices.push(text) }),
      async (executor) => {
        const controller = new AbortController();
        const run = executor.run(chipsOf(context, 2), { signal: controller.signal });
        run.catch(() => undefined);
        await until("a word", () => notices.some((n) => n.includes("No worker serves queue empty")), 30);
        controller.abort();
        await expect(run).rejects.toMatchObject({ code: "aborted" });
        // Neither is the password kept on the server.
        const values = await Promise.all(
          (await client.keys("*")).map(async (key) =>
            (await client.type(key)) === "string"
              ? client.get(key)
              : JSON.stringify(await client.hgetall(key).catch(() => "")),
          ),
        );
        expect(values.join("\n")).not.toContain("open-sesame");
      },
    );
    expect(notices.join("\n")).not.toContain("open-sesame");
    await expect(
      openExecutor(context, { on: server.url.replace("redis://", "redis://:wrong@") }),
    ).rejects.toThrow(
      /^Redis at 127\.0\.0\.1:\d+ cannot be used \(.*(WRONGPASS|invalid).*\); start it, or mend/,
    );
    const other = await startWorker(url, join(folder, "cache"));
    await other.finish();
    expect(other.output()).not.toContain("open-sesame");
    await client.config("SET", "requirepass", "");
    client.disconnect();
  });
});
