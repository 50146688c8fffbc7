/** @file Asks the worker, one question of a kind at a time: of those that wait only the newest is put. */
import type { Answer, Question } from "./worker-types.ts";

let worker: Worker | undefined;
let last = 0;
const open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();

function start(): Worker {
  const started = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  started.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
    const waiting = open.get(data.id);
    open.delete(data.id);
    if (data.message === undefined) waiting?.resolve(data.value);
    else waiting?.reject(new Error(data.message));
  });
  return started;
}

function put(question: Question): Promise<unknown> {
  worker ??= start();
  const id = ++last;
  const answer = new Promise<unknown>((resolve, reject) => open.set(id, { resolve, reject }));
  worker.postMessage({ id, question });
  return answer;
}

const lanes = new Map<string, { isBusy: boolean; next: (() => void) | undefined }>();

/**
 * The answer of the worker; undefined for a question that a newer one has replaced.
 *
 * @param name tells questions of a kind apart that do not replace each other
 */
export async function ask(question: Question, name = ""): Promise<unknown> {
  const key = `${question.kind} ${name}`;
  const lane = lanes.get(key) ?? { isBusy: false, next: undefined };
  lanes.set(key, lane);
  if (lane.isBusy) {
    lane.next?.();
    let isReplaced = false;
    await new Promise<void>((resolve) => {
      lane.next = () => {
        isReplaced = lane.isBusy;
        resolve();
      };
    });
    if (isReplaced) return undefined;
  }
  lane.isBusy = true;
  try {
    return await put(question);
  } finally {
    lane.isBusy = false;
    const next = lane.next;
    lane.next = undefined;
    next?.();
  }
}
