import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { openExecutor } from "../../src/engine/index.ts";
import { serve } from "../../src/engine/executors/serve.ts";
import { describeExecutor } from "../support/executor-conformance.ts";
import { hasPostgres, hasRedis, startPostgres, startRedis, type TestServer } from "../support/servers.ts";

const kinds = [
  { name: hasRedis ? "Redis" : "Redis (not installed here)", isHere: hasRedis, start: () => startRedis() },
  {
    name: hasPostgres ? "PostgreSQL" : "PostgreSQL (not installed here)",
    isHere: hasPostgres,
    start: startPostgres,
  },
] as const;

describe.each(kinds)("$name", ({ name, isHere, start }) => {
  describe.skipIf(!isHere)("server", () => {
    let server: TestServer;
    const cache = mkdtempSync(join(tmpdir(), "qtaml-cache-"));
    const stop = new AbortController();
    let workers: Promise<unknown>[] = [];

    beforeAll(async () => {
      server = await start();
      workers = [1, 2].map((threads) =>
        serve({
          on: server.url,
          threads,
          cache,
          cacheBytes: 2 ** 30,
          allowCode: false,
          stallSeconds: 10,
          signal: stop.signal,
          onNotice: process.env["QTAML_TEST_TALK"] === undefined ? () => undefined : console.error,
        }),
      );
    });
    afterAll(async () => {
      stop.abort();
      await Promise.all(workers);
      await server.stop();
      rmSync(cache, { recursive: true, force: true });
    });

    describeExecutor(`bullmq over ${name}, two workers of ${availableParallelism()} cores`, (context) =>
      openExecutor(context, { on: server.url }),
    );
  });
});
