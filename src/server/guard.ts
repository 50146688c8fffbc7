/**
 * @file Who may ask what of the local server. A page of another site must not reach it: not by its own requests
 * (Origin, Sec-Fetch-Site), not under a name of its own that leads to this machine (Host: DNS rebinding), and it cannot
 * read the token that changes of state need.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { tokenName, type Refusal } from "../explorer/index.ts";

/** Largest body of a request, in bytes: questions are short. */
export const mostBodyBytes = 65_536;

/** A refusal as the page understands it. */
export function refusal(status: number, code: string, message: string): Response {
  return Response.json({ code, message } satisfies Refusal, { status });
}

/** A token that nobody guesses. */
export const makeToken = (): string => randomBytes(32).toString("base64url");

function isSameText(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

const headers: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data: blob:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

const names = ["127.0.0.1", "localhost", "[::1]"];

/** What is wrong with a request, if anything. */
function objection(request: Request, port: number, token: string): Response | undefined {
  const header = (name: string) => request.headers.get(name);
  const hosts = names.map((name) => `${name}:${port}`);
  const host = header("host")?.toLowerCase();
  if (host === undefined || !hosts.includes(host)) {
    return refusal(
      421,
      "wrong-host",
      "This server answers on this machine alone, under the address it printed.",
    );
  }
  const origin = header("origin");
  const site = header("sec-fetch-site");
  const isApi = new URL(request.url).pathname.startsWith("/api/");
  const isForeign =
    (origin !== null && !hosts.some((own) => origin === `http://${own}`)) ||
    (isApi && site !== null && site !== "same-origin" && site !== "none");
  if (isForeign) return refusal(403, "wrong-origin", "Pages of other sites may not ask this server.");
  if (request.method === "GET" || request.method === "HEAD") return undefined;
  if (request.method !== "POST") return refusal(405, "wrong-method", "Only GET, HEAD and POST are answered.");
  if (!isSameText(header(tokenName) ?? "", token)) {
    return refusal(
      403,
      "wrong-token",
      "The page is of an earlier start of the server: load it again, and try once more.",
    );
  }
  if (header("content-type")?.split(";")[0]?.trim() !== "application/json") {
    return refusal(415, "wrong-type", "The body must be application/json.");
  }
  return undefined;
}

/** Turns away what may not come in, and tells browsers to be careful with what goes out. */
export function guard(port: () => number, token: string): MiddlewareHandler {
  return async (context, next) => {
    const refused = objection(context.req.raw, port(), token);
    if (refused === undefined) await next();
    else context.res = refused;
    for (const [name, value] of Object.entries(headers)) context.res.headers.set(name, value);
    if (!context.res.headers.has("Cache-Control")) context.res.headers.set("Cache-Control", "no-store");
  };
}
