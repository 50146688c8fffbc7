/** @file Addresses of queues: which server, how to call it without its password, and what is careless about it. */
import { QtamlError } from "../../errors.ts";

/** Environment variable that holds the password of a Redis server whose address has none. */
export const redisPasswordVariable = "QTAML_REDIS_PASSWORD";

/** Name of the queue where none is given. */
export const usualQueue = "qtaml";

/** The server of a queue. */
export interface QueueAddress {
  readonly kind: "redis" | "postgres";
  /** With its password: to connect, never to print or to store. */
  readonly url: string;
  /** Such as `Redis at 10.0.0.5:6379`. */
  readonly name: string;
  readonly queue: string;
  /** One sentence on what is careless about it. */
  readonly warning: string | undefined;
}

const kinds: Readonly<Record<string, QueueAddress["kind"]>> = {
  "redis:": "redis",
  "rediss:": "redis",
  "postgres:": "postgres",
  "postgresql:": "postgres",
};

/** Whether a host is this machine. */
function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  return bare === "" || bare === "localhost" || bare === "::1" || /^127(\.\d+){3}$/.test(bare);
}

/** @throws QtamlError `invalid-argument`; its message has no part of the address, which may hold a password */
export function parseAddress(text: string, queue = usualQueue): QueueAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new QtamlError(
      "invalid-argument",
      "The address of the queue is not a URL; give redis://host:6379 or postgres://user@host:5432/database.",
    );
  }
  const kind = kinds[url.protocol];
  if (kind === undefined) {
    throw new QtamlError(
      "invalid-argument",
      `The address of the queue begins with ${url.protocol}//; give redis://, rediss://, postgres:// or postgresql://.`,
    );
  }
  if (!/^[\w.-]{1,60}$/.test(queue)) {
    throw new QtamlError(
      "invalid-argument",
      `"${queue}" is no name for a queue; use up to 60 letters, digits, dots, dashes and underscores.`,
    );
  }
  const fromEnvironment = process.env[redisPasswordVariable];
  if (kind === "redis" && url.password === "" && fromEnvironment !== undefined && fromEnvironment !== "") {
    url.password = encodeURIComponent(fromEnvironment);
  }
  const title = kind === "redis" ? "Redis" : "PostgreSQL";
  const name = `${title} at ${url.hostname === "" ? "localhost" : url.hostname}:${url.port === "" ? (kind === "redis" ? 6379 : 5432) : url.port}`;
  const isOpen = kind === "redis" && url.password === "" && !isLoopback(url.hostname);
  return {
    kind,
    url: url.href,
    name,
    queue,
    warning: isOpen
      ? `${name} is not on this machine and has no password: whoever reaches it can read the model and change the results; set requirepass and give redis://:password@host, better rediss://.`
      : undefined,
  };
}

/** A text without the address's password, for messages that come from elsewhere. */
export function withoutPassword({ url }: QueueAddress, text: string): string {
  const { password } = new URL(url);
  return [password, decodeURIComponent(password)]
    .filter((p) => p !== "")
    .reduce((clean, p) => clean.replaceAll(p, "***"), text);
}
