/**
 * @file A state that many may watch, as an event stream. Who reads slowly misses steps and never the newest state, so
 * that a stream holds one message at most, whatever happens.
 */

/** Watches a state. */
export interface Watcher {
  /** The next state that was not seen, or undefined where there is none in time; null after the end. */
  next(timeoutMs: number): Promise<string | undefined | null>;
  leave(): void;
}

/** A state with watchers. */
export class Topic<T> {
  #value: T;
  #text: string | undefined;
  #version = 0;
  #isEnded = false;
  readonly #waiting = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  /** How many wait for news. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Replaces the state. */
  publish(value: T): void {
    this.#value = value;
    this.#text = undefined;
    this.#version++;
    this.#wake();
  }

  /** Says that no other state will follow. */
  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Watches from the state of now on. */
  watch(): Watcher {
    let seen = -1;
    let hasLeft = false;
    let leave = () => {
      hasLeft = true;
    };
    return {
      next: async (timeoutMs) => {
        if (seen === this.#version && !this.#isEnded && !hasLeft) {
          await new Promise<void>((resolve) => {
            const wake = () => {
              clearTimeout(timer);
              this.#waiting.delete(wake);
              resolve();
            };
            const timer = setTimeout(wake, timeoutMs);
            this.#waiting.add(wake);
            leave = () => {
              hasLeft = true;
              wake();
            };
          });
        }
        if (hasLeft) return null;
        if (seen !== this.#version) {
          seen = this.#version;
          return (this.#text ??= JSON.stringify(this.#value));
        }
        return this.#isEnded ? null : undefined;
      },
      leave: () => leave(),
    };
  }
}

/** Streams open at the same time; the next one is refused. */
export const mostStreams = 200;
/** Silence after which a stream says that it is still there, which also finds out who has gone. */
const heartbeatMs = 15_000;

/** Event streams of topics, counted. */
export class Streams {
  #open = 0;

  /** Streams that are open. */
  get open(): number {
    return this.#open;
  }

  /** The stream of a topic; undefined where there are too many. */
  of<T>(topic: Topic<T>): Response | undefined {
    if (this.#open >= mostStreams) return undefined;
    this.#open++;
    const watcher = topic.watch();
    const encoder = new TextEncoder();
    let isOpen = true;
    const close = () => {
      if (!isOpen) return;
      isOpen = false;
      this.#open--;
      watcher.leave();
    };
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const text = await watcher.next(heartbeatMs);
          if (!isOpen) return;
          if (text === null) {
            controller.enqueue(encoder.encode("event: end\ndata: {}\n\n"));
            controller.close();
            close();
          } else controller.enqueue(encoder.encode(text === undefined ? ": here\n\n" : `data: ${text}\n\n`));
        },
        cancel: close,
      },
      { highWaterMark: 1 },
    );
    return new Response(body, {
      headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-store" },
    });
  }
}
