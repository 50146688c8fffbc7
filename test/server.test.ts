/**
 * @file The local server under attack: what other sites, other names, other methods and broken requests try, and a
 * thousand event streams.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { get, request, type IncomingMessage, type RequestOptions } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { QtamlError } from "../src/errors.ts";
import { startServer, type RunningServer } from "../src/server/index.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-server-"));
const pages = join(folder, "web");
let server: RunningServer;

const source = {
  name: "model.onnx",
  memory: { flips: { p01: 0.1, p10: 0.1 }, device: null },
  open: () => Promise.reject(new QtamlError("invalid-file", "model.onnx is empty; give another.")),
};

beforeAll(async () => {
  mkdirSync(join(pages, "assets"), { recursive: true });
  writeFileSync(join(pages, "index.html"), "<!doctype html><html><head></head><body>page</body></html>");
  writeFileSync(join(pages, "assets", "a.js"), "0;");
  writeFileSync(join(folder, "secret.json"), "secret");
  server = await startServer({ source, port: 0, pages });
  await server.workbench.opened();
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

/** One request, sent as it is. */
function send(options: RequestOptions, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port: server.port, agent: false, ...options },
      (response: IncomingMessage) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("end", () =>
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            text: Buffer.concat(pieces).toString(),
          }),
        );
        response.on("error", reject);
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

/** A campaign as it may be asked for. */
const campaign = {
  plans: [{ policy: "tac", budget: 0.2 }],
  keep: 0.95,
  chips: 10,
  untilSettled: false,
  seed: 0,
  flips: null,
};

/** Bytes on the wire, and what came back until the server closed. */
function sendRaw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, "127.0.0.1");
    let answer = "";
    socket.on("data", (piece) => (answer += piece.toString()));
    // A server that refuses a long head resets the connection.
    socket.on("error", () => resolve(answer));
    socket.on("close", () => resolve(answer));
    socket.write(bytes);
    socket.setTimeout(20_000, () => socket.destroy());
  });
}

const isAlive = async () => (await send({ path: "/api/about" })).status === 200;

const post = (path: string, headers: Record<string, string>, body: string | Buffer = "{}") =>
  send({ path, method: "POST", headers: { "content-type": "application/json", ...headers } }, body);

describe("the local server", () => {
  it("serves the page with its token, and says what may be done with it", async () => {
    const { status, headers, text } = await send({ path: "/" });
    expect(status).toBe(200);
    expect(text).toContain(`<meta name="qtaml-token" content="${server.token}" />`);
    expect(headers["content-security-policy"]).toContain("default-src 'none'; script-src 'self'");
    expect(headers["x-frame-options"]).toBe("DENY");
    expect(headers["access-control-allow-origin"]).toBeUndefined();
    expect((await send({ path: "/assets/a.js" })).headers["cache-control"]).toContain("immutable");
  });

  it("says in a sentence why a model could not be opened", async () => {
    const about = JSON.parse((await send({ path: "/api/about" })).text) as Record<string, unknown>;
    expect(about).toMatchObject({ state: "failed", message: "model.onnx is empty; give another." });
  });

  it("refuses a port that is taken, in words", async () => {
    await expect(startServer({ source, port: server.port, pages })).rejects.toThrow(/--port 0/);
  });

  it("refuses to start without its page", async () => {
    await expect(startServer({ source, port: 0, pages: join(folder, "nothing") })).rejects.toThrow(
      /build:web/,
    );
  });

  it.each([
    "/../secret.json",
    "/assets/../../secret.json",
    "/..%2fsecret.json",
    "/%2e%2e/secret.json",
    "/assets/..%5c..%5csecret.json",
    "//etc/passwd",
    "/assets/%00a.js",
    "/assets",
    "/constructor",
    "/__proto__",
  ])("finds no file at %s", async (path) => {
    const { status, text } = await send({ path });
    expect(status).toBe(404);
    expect(text).not.toContain("secret.json\n");
    expect(JSON.parse(text)).toMatchObject({ code: "not-found" });
  });

  it.each([
    "evil.example",
    "evil.example:PORT",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1.evil.example:PORT",
    "[::2]:PORT",
  ])("answers no request for the host %s: another name may lead here", async (name) => {
    const host = name.replace("PORT", String(server.port));
    const { status, text } = await send({ path: "/", headers: { host } });
    expect(status).toBe(421);
    expect(text).not.toContain(server.token);
  });

  it.each(["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])("answers under the name %s", async (name) => {
    const { status } = await send({ path: "/", headers: { host: `${name}:${server.port}` } });
    expect(status).toBe(200);
  });

  it("lets no other site read or post", async () => {
    const token = { "qtaml-token": server.token };
    for (const origin of [
      "http://evil.example",
      "null",
      `https://127.0.0.1:${server.port}`,
      "http://127.0.0.1:1",
    ]) {
      expect((await send({ path: "/api/about", headers: { origin } })).status).toBe(403);
      expect((await post("/api/stop", { ...token, origin })).status).toBe(403);
    }
    for (const site of ["cross-site", "same-site"]) {
      const headers = { "sec-fetch-site": site };
      expect((await send({ path: "/api/about/events", headers })).status).toBe(403);
      expect((await post("/api/stop", { ...token, ...headers })).status).toBe(403);
    }
  });

  it("changes nothing without the token, and takes forms from nobody", async () => {
    expect((await post("/api/stop", {})).status).toBe(403);
    expect((await post("/api/stop", { "qtaml-token": `${server.token}x` })).status).toBe(403);
    const form = { "qtaml-token": server.token, "content-type": "application/x-www-form-urlencoded" };
    expect((await post("/api/stop", form)).status).toBe(415);
    for (const method of ["PUT", "DELETE", "OPTIONS", "PATCH"]) {
      expect((await send({ path: "/", method })).status).toBe(405);
    }
  });

  it("reads no body above its limit, whether its length is told or not", async () => {
    const headers = { "qtaml-token": server.token };
    const big = Buffer.alloc(1_000_000, 32);
    expect(
      (await post("/api/nothing", { ...headers, "content-length": String(big.length) }, big)).status,
    ).toBe(413);
    const chunked = { ...headers, "transfer-encoding": "chunked" };
    expect((await post("/api/campaign", chunked, big)).status).toBe(413);
    expect(await isAlive()).toBe(true);
  });

  it.each([
    ["no JSON", "/api/campaign", "{"],
    ["no object", "/api/campaign", "null"],
    ["nothing", "/api/campaign", ""],
    ["a list nested deep", "/api/campaign", "[".repeat(20_000) + "]".repeat(20_000)],
    ["a plan that is none", "/api/campaign", JSON.stringify({ plans: [{ policy: "__proto__", budget: 1 }] })],
    [
      "a budget above one",
      "/api/campaign",
      JSON.stringify({ ...campaign, plans: [{ policy: "tac", budget: 2 }] }),
    ],
    ["too many chips", "/api/campaign", JSON.stringify({ ...campaign, chips: 1e9 })],
    [
      "too many plans",
      "/api/campaign",
      JSON.stringify({ ...campaign, plans: Array(25).fill(campaign.plans[0]) }),
    ],
    ["a field of its own", "/api/campaign", JSON.stringify({ ...campaign, path: "/etc/passwd" })],
    ["a chip of no campaign", "/api/campaign/replay", JSON.stringify({ id: 1, plan: 0, chip: 0 })],
    ["a model that did not open", "/api/campaign", JSON.stringify(campaign)],
  ])("refuses %s in a sentence", async (_, path, body) => {
    const { status, text } = await post(path, { "qtaml-token": server.token }, body);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ message: expect.stringMatching(/^\w.* .*\.$/) as string });
  });

  it.each([
    ["no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"],
    ["an unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"],
    [
      "a length and chunks",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["a head of 100 kB", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(100_000)}\r\n\r\n`],
    ["no host", "GET / HTTP/1.1\r\n\r\n"],
    ["a broken escape", "GET /%E0%A4%A HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"],
    [
      "an absolute address",
      "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    ],
  ])("survives %s", async (_, bytes) => {
    const answer = await sendRaw(bytes);
    expect(answer === "" || /^HTTP\/1\.1 4\d\d /.test(answer)).toBe(true);
    expect(await isAlive()).toBe(true);
  });

  it("serves event streams to many, refuses the rest, and forgets who has gone", async () => {
    const clients = 1000;
    const open: IncomingMessage[] = [];
    const statuses = await Promise.all(
      Array.from(
        { length: clients },
        () =>
          new Promise<number>((resolve) => {
            const asked = get(
              { host: "127.0.0.1", port: server.port, path: "/api/about/events", agent: false },
              (response) => {
                response.on("error", () => undefined);
                if (response.statusCode === 200) {
                  open.push(response);
                  response.once("data", () => resolve(200));
                } else {
                  response.resume();
                  resolve(response.statusCode!);
                }
              },
            );
            asked.on("error", () => resolve(0));
          }),
      ),
    );
    const count = (status: number) => statuses.filter((s) => s === status).length;
    expect(count(200)).toBe(200);
    expect(count(503)).toBe(800);
    expect(await isAlive()).toBe(true);
    for (const response of open) response.destroy();
    await expect
      .poll(async () => {
        const controller = new AbortController();
        const answer = await fetch(`${server.url}api/about/events`, { signal: controller.signal });
        controller.abort();
        return answer.status;
      })
      .toBe(200);
  });
});
