/**
 * @file Servers of queues for tests and benchmarks: a Redis and a PostgreSQL on loopback, on ports of their own, in
 * folders of their own.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A server under a test's control. */
export interface TestServer {
  readonly url: string;
  readonly folder: string;
  /** Ends it as kill -9 does. */
  kill(): Promise<void>;
  /** Starts it again on the same port and the same files. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whether someone listens on a port. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/** Waits until something holds. @throws Error after so many seconds */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  seconds = 60,
): Promise<void> {
  for (let i = 0; i < 20 * seconds; i++) {
    if (await holds()) return;
    await delay(50);
  }
  throw new Error(`Waited ${seconds} s for ${what} in vain.`);
}

/** Ends a process for good, with those it started where it leads a group, and waits for it. */
export async function killProcess(child: ChildProcess, isLeader = false): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  if (isLeader) process.kill(-child.pid!, "SIGKILL");
  else child.kill("SIGKILL");
  await ended;
}

/** Folders of PostgreSQL's programs, newest first. */
function postgresFolder(): string | undefined {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((v) => join(root, v, "bin")).find((folder) => existsSync(join(folder, "initdb")));
}

/** Whether a Redis server can be started here. */
export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;
/** Whether a PostgreSQL server can be started here. */
export const hasPostgres = postgresFolder() !== undefined;

async function supervised(
  port: number,
  url: string,
  folder: string,
  launch: () => ChildProcess,
  isReady: () => boolean | Promise<boolean>,
): Promise<TestServer> {
  let child: ChildProcess | undefined;
  const server: TestServer = {
    url,
    folder,
    async start() {
      child = launch();
      await until(`a server on port ${port}`, async () => {
        if (child!.exitCode !== null) throw new Error(`The server on port ${port} ended at once.`);
        return (await answers(port)) && (await isReady());
      });
    },
    async kill() {
      if (child !== undefined) await killProcess(child, true);
    },
    async stop() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await server.start();
  return server;
}

/** A disk of a few MiB. */
export interface SmallDisk {
  readonly folder: string;
  /** Takes all the space that is left. */
  fill(): void;
  /** Gives it back. */
  free(): void;
  remove(): void;
}

/** Mounts a small disk; undefined where this process may not. */
export function mountSmallDisk(mebibytes: number): SmallDisk | undefined {
  const folder = mkdtempSync(join(tmpdir(), "qtaml-disk-"));
  const mount = ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", folder];
  if (spawnSync("mount", mount).status !== 0) {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  const filler = join(folder, "filler");
  return {
    folder,
    fill() {
      const file = openSync(filler, "w");
      try {
        for (let size = 2 ** 20; size >= 1;) {
          try {
            if (writeSync(file, new Uint8Array(size)) < size) size /= 2;
          } catch {
            size /= 2;
          }
        }
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    remove() {
      spawnSync("umount", ["-l", folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A Redis that keeps an append-only file. @param options more of its flags. @param place where its folder is made */
export async function startRedis(options: readonly string[] = [], place = tmpdir()): Promise<TestServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(place, "qtaml-redis-"));
  const flags = `--port ${port} --bind 127.0.0.1 --dir ${folder} --appendonly yes --save`.split(" ");
  return supervised(
    port,
    `redis://127.0.0.1:${port}`,
    folder,
    () =>
      spawn("redis-server", [...flags, "", "--maxmemory-policy", "noeviction", ...options], {
        stdio: "ignore",
        detached: true,
      }),
    () => true,
  );
}

/** A PostgreSQL whose superuser needs no password. It runs as user postgres where this process is root. */
export async function startPostgres(): Promise<TestServer> {
  const port = await freePort();
  const programs = postgresFolder()!;
  const folder = mkdtempSync(join(tmpdir(), "qtaml-postgres-"));
  let owner: { uid?: number; gid?: number } = {};
  if (process.getuid?.() === 0) {
    const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
    owner = { uid: id("-u"), gid: id("-g") };
    chownSync(folder, owner.uid!, owner.gid!);
  }
  chmodSync(folder, 0o700);
  const data = join(folder, "data");
  const flags = ["-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"];
  execFileSync(join(programs, "initdb"), flags, { ...owner, cwd: folder, stdio: "ignore" });
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", `unix_socket_directories=${folder}`];
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  return supervised(
    port,
    url,
    folder,
    () =>
      spawn(join(programs, "postgres"), ["-D", data, ...settings.flatMap((s) => ["-c", s])], {
        ...owner,
        cwd: folder,
        stdio: "ignore",
        detached: true,
      }),
    () => spawnSync(join(programs, "pg_isready"), ["-h", "127.0.0.1", "-p", String(port)]).status === 0,
  );
}
