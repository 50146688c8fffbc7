/** @file What the server works on: the model it was started with, opened while the page is already there. */
import { QtamlError } from "../errors.ts";
import type { About, NetworkSnapshot } from "../explorer/index.ts";
import { version } from "../version.ts";
import { Topic } from "./events.ts";
import type { ModelSource, Opened } from "./opened.ts";
import { snapshotOf } from "./snapshot.ts";

/** The sentence of an error; a defect is called one. */
export function errorWords(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof QtamlError) return { code: error.code, message: error.message };
  const account = error instanceof Error ? error.message : String(error);
  return { code: "defect", message: `This is a defect of qtaml, please report it: ${account}` };
}

/** The model and what is known of it. */
export class Workbench {
  readonly about: Topic<About>;
  readonly #opened: Promise<Opened | undefined>;
  #snapshot: NetworkSnapshot | undefined;

  constructor(source: ModelSource) {
    this.about = new Topic<About>({
      version,
      model: source.name,
      state: "opening",
      work: null,
      message: null,
      warnings: [],
    });
    this.#opened = this.#open(source);
  }

  #say(change: Partial<About>): void {
    this.about.publish({ ...this.about.value, ...change });
  }

  async #open({ open }: ModelSource): Promise<Opened | undefined> {
    // The page comes first.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      const opened = await open((stage, done, total) => this.#say({ work: { stage, done, total } }));
      this.#say({ state: "ready", work: null, warnings: opened.warnings });
      return opened;
    } catch (error) {
      this.#say({ state: "failed", work: null, message: errorWords(error).message });
      return undefined;
    }
  }

  /** What the page gets of the model. */
  snapshot(opened: Opened): NetworkSnapshot {
    return (this.#snapshot ??= snapshotOf(opened));
  }

  /** The model, once it is open; undefined where it could not be opened. */
  opened(): Promise<Opened | undefined> {
    return this.#opened;
  }
}
