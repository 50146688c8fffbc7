/** @file The depot in PostgreSQL: two tables in a schema of their own. */
import { Pool } from "pg";
import { z } from "zod";
import { QtamlError } from "../../errors.ts";
import { withoutPassword, type QueueAddress } from "./address.ts";
import { assemble, blobSeconds, chunksOf, type Depot } from "./depot.ts";

const tables = `
  CREATE SCHEMA IF NOT EXISTS qtaml;
  CREATE TABLE IF NOT EXISTS qtaml.blob (
    queue text, hash text, chunk integer, bytes bytea NOT NULL, expires timestamptz NOT NULL,
    PRIMARY KEY (queue, hash, chunk));
  CREATE TABLE IF NOT EXISTS qtaml.notice (
    queue text, kind text, id text, body text NOT NULL, posted timestamptz NOT NULL, expires timestamptz NOT NULL,
    PRIMARY KEY (queue, kind, id));`;

/** Number of the chunk that says how many there are. */
const manifestChunk = -1;
const manifestSchema = z.object({ bytes: z.number().int(), chunks: z.number().int() });

/** Key of the lock under which tables are made, so that two who start at once do not meet. */
const lockKey = 7_105_413;

/** Options of every connection to a PostgreSQL server. */
export function postgresOptions({ url }: QueueAddress) {
  return { connectionString: url, connectionTimeoutMillis: 5_000, keepAlive: true, max: 4 };
}

/** Whether an error says that the server is away rather than that it objects. */
function isAwayError(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  if (typeof code === "string") {
    // Classes 08 (connection) and 57P (shutting down, starting up) of PostgreSQL's codes, and those of sockets.
    return /^(08|57P)/.test(code) || /^E[A-Z]+$/.test(code);
  }
  return error instanceof Error && /terminat|timeout|connection/i.test(error.message);
}

/** Opens the depot. @throws QtamlError `file-access` when the server does not answer or refuses */
export async function openPostgresDepot(
  address: QueueAddress,
  onNotice: (text: string) => void,
): Promise<Depot> {
  const pool = new Pool(postgresOptions(address));
  // An idle connection that breaks is replaced by the next query.
  pool.on("error", () => undefined);
  const reason = (cause: unknown) => {
    if (!(cause instanceof Error)) return "no answer";
    // Where a name has several addresses the reasons are inside, and the message is empty.
    const inner: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
    return withoutPassword(address, inner instanceof Error ? inner.message : cause.message);
  };
  try {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await client.query("SELECT pg_advisory_xact_lock($1)", [lockKey]);
      await client.query(tables);
      await client.query("DELETE FROM qtaml.blob WHERE expires < now()");
      await client.query("COMMIT");
    } finally {
      client.release();
    }
  } catch (cause) {
    await pool.end();
    throw new QtamlError(
      "file-access",
      `${address.name} cannot be used (${reason(cause)}); start it, or mend the address or the password.`,
    );
  }
  let isAway = false;
  let isOpen = true;
  /** Waits while the server is away. */
  const query = async (text: string, values: unknown[]): Promise<unknown[]> => {
    for (;;) {
      try {
        const { rows } = await pool.query<Record<string, unknown>>(text, [address.queue, ...values]);
        if (isAway) onNotice(`${address.name} answers again.`);
        isAway = false;
        return rows;
      } catch (cause) {
        if (!isOpen || !isAwayError(cause)) throw cause;
        if (!isAway) onNotice(`${address.name} does not answer (${reason(cause)}); waiting for it.`);
        isAway = true;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  };
  const putChunk = (hash: string, chunk: number, bytes: Buffer) =>
    query(
      `INSERT INTO qtaml.blob VALUES ($1, $2, $3, $4, now() + $5 * interval '1 second')
       ON CONFLICT (queue, hash, chunk) DO UPDATE SET bytes = excluded.bytes, expires = excluded.expires`,
      [hash, chunk, bytes, blobSeconds],
    );
  const getChunk = async (hash: string, chunk: number): Promise<Buffer | undefined> => {
    const rows = await query("SELECT bytes FROM qtaml.blob WHERE queue = $1 AND hash = $2 AND chunk = $3", [
      hash,
      chunk,
    ]);
    return z.array(z.object({ bytes: z.instanceof(Buffer) })).parse(rows)[0]?.bytes;
  };
  const manifestOf = async (hash: string) => {
    const bytes = await getChunk(hash, manifestChunk);
    return bytes === undefined ? undefined : manifestSchema.parse(JSON.parse(bytes.toString("utf8")));
  };
  const ids = (rows: unknown) =>
    z
      .array(z.object({ id: z.string() }))
      .parse(rows)
      .map((row) => row.id);

  return {
    async hasBlob(hash) {
      const manifest = await manifestOf(hash);
      if (manifest === undefined) return false;
      const rows = await query("SELECT chunk FROM qtaml.blob WHERE queue = $1 AND hash = $2 AND chunk >= 0", [
        hash,
      ]);
      return rows.length >= manifest.chunks;
    },
    async putBlob(hash, parts) {
      let [chunks, bytes] = [0, 0];
      for (const chunk of chunksOf(parts)) {
        await putChunk(hash, chunks++, chunk);
        bytes += chunk.length;
      }
      await putChunk(hash, manifestChunk, Buffer.from(JSON.stringify({ bytes, chunks })));
    },
    async getBlob(hash) {
      const manifest = await manifestOf(hash);
      return manifest === undefined ? undefined : assemble(hash, manifest, (i) => getChunk(hash, i));
    },
    async expireBlob(hash, seconds) {
      await query(
        "UPDATE qtaml.blob SET expires = now() + $3 * interval '1 second' WHERE queue = $1 AND hash = $2",
        [hash, seconds],
      );
    },
    async post(kind, id, text, milliseconds) {
      await query(
        `INSERT INTO qtaml.notice VALUES ($1, $2, $3, $4, now(), now() + $5 * interval '1 millisecond')
         ON CONFLICT (queue, kind, id) DO UPDATE
         SET body = excluded.body, posted = excluded.posted, expires = excluded.expires`,
        [kind, id, text, milliseconds],
      );
    },
    async withdraw(kind, id) {
      await query("DELETE FROM qtaml.notice WHERE queue = $1 AND kind = $2 AND id = $3", [kind, id]);
    },
    async notices(kind) {
      const rows = await query(
        "SELECT id, body FROM qtaml.notice WHERE queue = $1 AND kind = $2 AND expires > now() ORDER BY id",
        [kind],
      );
      const parsed = z.array(z.object({ id: z.string(), body: z.string() })).parse(rows);
      return new Map(parsed.map(({ id, body }) => [id, body]));
    },
    async abandoned(kind, seconds) {
      return ids(
        await query(
          "SELECT id FROM qtaml.notice WHERE queue = $1 AND kind = $2 AND posted < now() - $3 * interval '1 second'",
          [kind, seconds],
        ),
      );
    },
    async close() {
      isOpen = false;
      await pool.end();
    },
  };
}
