/** @file Starts and stops the local server. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { QtamlError } from "../errors.ts";
import { makeApp } from "./app.ts";
import { makeToken } from "./guard.ts";
import { openPages } from "./pages.ts";
import type { TrialSettings } from "./campaigns.ts";
import type { ModelSource } from "./opened.ts";
import { Workbench } from "./workbench.ts";

/** What a server is started with. */
export interface ServerOptions {
  readonly source: ModelSource;
  /** 0 takes any that is free. */
  readonly port: number;
  /** Folder of the built page; where the program has it unless given. */
  readonly pages?: string;
  /** How chips are tried. */
  readonly settings?: TrialSettings;
}

/** A server that runs. */
export interface RunningServer {
  /** Where the page is. */
  readonly url: string;
  readonly port: number;
  /** What changes of state must carry. */
  readonly token: string;
  readonly workbench: Workbench;
  /** Ends all connections and the work behind them. */
  close(): Promise<void>;
}

const host = "127.0.0.1";
/** Longest head of a request, in bytes. */
const mostHeaderBytes = 16_384;
/** Connections at the same time: more than streams may be open. */
const mostConnections = 1200;

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const reasons: Readonly<Record<string, string>> = {
        EADDRINUSE: `Port ${port} is in use: choose another with --port, or --port 0 for any that is free.`,
        EACCES: `Port ${port} needs rights that you do not have: choose one above 1023 with --port.`,
      };
      const reason = reasons[cause.code ?? ""] ?? `Port ${port} cannot be listened on (${cause.message}).`;
      reject(new QtamlError("invalid-argument", reason, { cause }));
    });
    server.listen({ host, port }, resolve);
  });
}

/**
 * Starts the explorer's server on this machine's loopback address and opens its model beside it.
 *
 * @throws QtamlError where the port is taken or the page was not built
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { source, port, pages, settings } = options;
  const token = makeToken();
  const files = openPages(token, pages);
  let actual = port;
  const workbench = new Workbench(source, settings);
  const app = makeApp({ pages: files, workbench, token, port: () => actual });
  const respond = getRequestListener(app.fetch, { hostname: host, overrideGlobalObjects: false });
  const answer: RequestListener = (request, response) => {
    // The listener tells errors to the client; a client that has gone needs no answer.
    void respond(request, response).catch(() => response.destroy());
  };
  const server = createServer(
    { maxHeaderSize: mostHeaderBytes, requestTimeout: 30_000, headersTimeout: 10_000 },
    answer,
  );
  server.maxConnections = mostConnections;
  server.on("clientError", (_, socket: Socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });
  await listen(server, port);
  actual = (server.address() as AddressInfo).port;
  return {
    url: `http://${host}:${actual}/`,
    port: actual,
    token,
    workbench,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await workbench.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
