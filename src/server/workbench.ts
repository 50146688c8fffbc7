/** @file What the server works on: the model it was started with, opened while the page is already there. */
import type { About, NetworkSnapshot } from "../explorer/index.ts";
import { QtamlError } from "../errors.ts";
import { version } from "../version.ts";
import { Topic } from "./events.ts";
import type { ModelSource, Opened } from "./opened.ts";
import { Campaigns, type TrialSettings } from "./campaigns.ts";
import { snapshotOf } from "./snapshot.ts";
import { errorWords } from "./words.ts";

/** The model and what is known of it. */
export class Workbench {
  readonly about: Topic<About>;
  readonly campaigns: Campaigns;
  readonly #opened: Promise<Opened | undefined>;
  #snapshot: NetworkSnapshot | undefined;

  constructor(source: ModelSource, settings: TrialSettings = {}) {
    this.campaigns = new Campaigns(settings);
    this.about = new Topic<About>({
      version,
      model: source.name,
      memory: source.memory,
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

  /**
   * The model.
   *
   * @throws QtamlError while it is opened, and where it could not be
   */
  async ready(): Promise<Opened> {
    const { state, message } = this.about.value;
    const opened = state === "opening" ? undefined : await this.#opened;
    if (opened !== undefined) return opened;
    throw new QtamlError(
      "invalid-argument",
      message ?? "The model is still being opened: try again in a while.",
    );
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.about.end();
    await this.campaigns.close();
  }

  /** The model, once it is open; undefined where it could not be opened. */
  opened(): Promise<Opened | undefined> {
    return this.#opened;
  }
}
