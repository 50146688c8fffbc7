/** @file The local server behind the page, where there is one. */
import { tokenName, type Refusal } from "../../src/explorer/index.ts";

const token = document.querySelector<HTMLMetaElement>(`meta[name="${tokenName}"]`)?.content;

/** Whether the page came from `qtaml serve`; a page of static files has nobody to ask. */
export const isServed = token !== undefined;

/** What is said where the server has gone. */
export const goneWords =
  "The server does not answer: it may have been ended. Start it again, and load the page again.";

async function answerOf(sent: Promise<Response>): Promise<Response> {
  let response: Response;
  try {
    response = await sent;
  } catch {
    throw new Error(goneWords);
  }
  if (response.ok) return response;
  const refusal = (await response.json().catch(() => undefined)) as Refusal | undefined;
  throw new Error(refusal?.message ?? `The server refused with status ${response.status}.`);
}

/** Reads a value. @throws Error with a sentence for the reader */
export async function getJson(path: string): Promise<unknown> {
  return (await answerOf(fetch(path))).json();
}

/** Asks for something that changes a state or takes work. @throws Error with a sentence for the reader */
export function post(path: string, body: unknown): Promise<Response> {
  return answerOf(
    fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", [tokenName]: token ?? "" },
      body: JSON.stringify(body),
    }),
  );
}

/** `post`, with an answer in JSON. */
export async function postJson(path: string, body: unknown): Promise<unknown> {
  return (await post(path, body)).json();
}

/**
 * Watches a state until it ends or the watcher leaves; a connection that breaks is made again.
 *
 * @param onLost called when it breaks
 * @returns leaves
 */
export function watch(path: string, onState: (state: unknown) => void, onLost: () => void): () => void {
  const source = new EventSource(path);
  source.addEventListener("error", onLost);
  source.addEventListener("message", ({ data }: MessageEvent<string>) => onState(JSON.parse(data)));
  source.addEventListener("end", () => source.close());
  return () => source.close();
}
