/** @file The depot in Redis: keys that expire. */
import { Redis } from "ioredis";
import { z } from "zod";
import { QtamlError } from "../../errors.ts";
import { withoutPassword, type QueueAddress } from "./address.ts";
import { assemble, blobSeconds, chunksOf, type Depot } from "./depot.ts";

/** How long the first connection may take, in milliseconds. */
const patienceMs = 5_000;

/** How to connect to a Redis server. */
export interface RedisConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: Record<string, never>;
  readonly maxRetriesPerRequest: null;
  readonly retryStrategy: (times: number) => number;
}

/** Options of every connection to a Redis server: commands wait while it is away. */
export function redisOptions({ url }: QueueAddress): RedisConnectionOptions {
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  return {
    host: hostname.replace(/^\[|\]$/g, "") || "127.0.0.1",
    port: port === "" ? 6379 : Number(port),
    db: Number(pathname.slice(1) || 0),
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === "rediss:" ? { tls: {} } : {}),
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(100 * times, 2_000),
  };
}

const manifestSchema = z.object({ bytes: z.number().int(), chunks: z.number().int() });

/** What the server's settings would lose. */
async function settingsWarning(client: Redis, name: string): Promise<string | undefined> {
  try {
    const [, policy] = await client.config("GET", "maxmemory-policy");
    const [, aof] = await client.config("GET", "appendonly");
    const wanted = [
      ...(policy === undefined || policy === "noeviction" ? [] : ["--maxmemory-policy noeviction"]),
      ...(aof === undefined || aof === "yes" ? [] : ["--appendonly yes"]),
    ];
    if (wanted.length === 0) return undefined;
    return `${name} may forget jobs (start it with ${wanted.join(" ")}); what it forgets is computed again.`;
  } catch {
    return undefined; // Managed servers do not tell their settings.
  }
}

/** Opens the depot. @throws QtamlError `file-access` when the server does not answer or refuses */
export async function openRedisDepot(
  address: QueueAddress,
  onNotice: (text: string) => void,
): Promise<Depot> {
  const client = new Redis({ ...redisOptions(address), lazyConnect: true });
  let last = "no answer";
  let isAway = false;
  let isOpen = false;
  client.on("error", (error: Error) => {
    last = withoutPassword(address, error.message || ((error as NodeJS.ErrnoException).code ?? "no answer"));
    if (!isOpen || isAway) return;
    isAway = true;
    onNotice(`${address.name} does not answer (${last}); waiting for it.`);
  });
  client.on("ready", () => {
    if (isAway) onNotice(`${address.name} answers again.`);
    isAway = false;
  });
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(last)), patienceMs).unref();
  });
  try {
    await Promise.race([client.connect().then(() => client.ping()), late]);
  } catch (cause) {
    client.disconnect();
    const reason =
      last === "no answer" && cause instanceof Error ? withoutPassword(address, cause.message) : last;
    throw new QtamlError(
      "file-access",
      `${address.name} cannot be used (${reason}); start it, or mend the address or the password.`,
    );
  }
  isOpen = true;
  const warning = await settingsWarning(client, address.name);
  if (warning !== undefined) onNotice(warning);

  const key = (...parts: (string | number)[]) => ["qtaml", address.queue, ...parts].join(":");
  const chunkKeys = (hash: string, chunks: number) =>
    Array.from({ length: chunks }, (_, i) => key("blob", hash, i));
  const manifestOf = async (hash: string) => {
    const text = await client.get(key("blob", hash));
    return text === null ? undefined : manifestSchema.parse(JSON.parse(text));
  };
  const serverSeconds = async () => Number((await client.time())[0]);

  return {
    async hasBlob(hash) {
      const manifest = await manifestOf(hash);
      if (manifest === undefined) return false;
      const keys = chunkKeys(hash, manifest.chunks);
      return keys.length === 0 || (await client.exists(...keys)) === keys.length;
    },
    async putBlob(hash, parts) {
      let [chunks, bytes] = [0, 0];
      for (const chunk of chunksOf(parts)) {
        await client.set(key("blob", hash, chunks++), chunk, "EX", blobSeconds);
        bytes += chunk.length;
      }
      await client.set(key("blob", hash), JSON.stringify({ bytes, chunks }), "EX", blobSeconds);
    },
    async getBlob(hash) {
      const manifest = await manifestOf(hash);
      if (manifest === undefined) return undefined;
      return assemble(
        hash,
        manifest,
        async (i) => (await client.getBuffer(key("blob", hash, i))) ?? undefined,
      );
    },
    async expireBlob(hash, seconds) {
      const manifest = await manifestOf(hash);
      const keys = manifest === undefined ? [] : [key("blob", hash), ...chunkKeys(hash, manifest.chunks)];
      for (const name of keys) await client.expire(name, String(seconds));
    },
    async post(kind, id, text, milliseconds) {
      await client.set(key(kind, id), text, "PX", milliseconds);
      await client.zadd(key(kind), String(await serverSeconds()), id);
    },
    async withdraw(kind, id) {
      await client.del(key(kind, id));
      await client.zrem(key(kind), id);
    },
    async notices(kind) {
      const ids = await client.zrange(key(kind), "0", "-1");
      const texts = ids.length === 0 ? [] : await client.mget(...ids.map((id) => key(kind, id)));
      return new Map(ids.flatMap((id, i) => (typeof texts[i] === "string" ? [[id, texts[i]] as const] : [])));
    },
    async abandoned(kind, seconds) {
      return client.zrange(key(kind), "-inf", String((await serverSeconds()) - seconds), "BYSCORE");
    },
    async close() {
      isOpen = false;
      await Promise.race([client.quit().catch(() => undefined), new Promise((r) => setTimeout(r, 500))]);
      client.disconnect();
    },
  };
}
