/** @file `qtaml campaign`: what a store holds, its chips for other tools, and one chip looked at again. */
import { extname } from "node:path";
import { z } from "zod";
import {
  checkIdentity,
  chipColumns,
  isSameRecord,
  openStore,
  replayChip,
  storedFindings,
  type CampaignStore,
  type ChipReplay,
  type StoredCampaign,
} from "../../campaign/index.ts";
import { planProtection } from "../../simulation/index.ts";
import { QtamlError } from "../../errors.ts";
import { formatPercent } from "../../report/index.ts";
import { formatChips } from "../chip-files.ts";
import { chipFormats, type ChipFormat } from "../choices.ts";
import { checkOutput, writeWhole } from "../files.ts";
import { fitTable, note, plural, say, sayJson, type Manner } from "../output.ts";
import { openProgress } from "../progress.ts";
import { exitDefect } from "../status.ts";
import { withSimulation } from "./shared.ts";
import { plansIdentity, prepare, type TryFlags } from "./verification.ts";

/** Flags that name a campaign. */
export interface CampaignFlags extends Manner {
  readonly name?: string | undefined;
}

/** Flags of `qtaml campaign export`. */
export interface ExportFlags extends CampaignFlags {
  readonly format?: ChipFormat | undefined;
  readonly output?: string | undefined;
}

/** Flags of `qtaml campaign replay`. */
export interface ReplayFlags extends CampaignFlags {
  readonly plan?: string | undefined;
  readonly causes?: boolean | undefined;
  readonly show: number;
}

/** Opens a store that is there, uses it and closes it. */
async function withStore<T>(path: string, use: (store: CampaignStore) => T | Promise<T>): Promise<T> {
  const store = openStore(path, { create: false, isOnlyRead: true });
  try {
    store.notices.forEach((text) => note(`Note: ${text}`, {}));
    return await use(store);
  } finally {
    store.close();
  }
}

/** The campaign of a name, or the only one there is. */
function chosen(store: CampaignStore, path: string, name: string | undefined): StoredCampaign {
  const campaigns = store.list();
  const found = name === undefined ? campaigns : campaigns.filter((campaign) => campaign.name === name);
  if (found.length === 1) return found[0]!;
  const names = campaigns.map((campaign) => campaign.name).join(", ") || "none";
  throw new QtamlError(
    "invalid-argument",
    name === undefined
      ? `Store ${path} has these campaigns: ${names}; choose one with --name.`
      : `Store ${path} has no campaign "${name}"; it has ${names}: give one of them with --name.`,
  );
}

/** `qtaml campaign list`. */
export function runList(path: string, flags: Manner): Promise<void> {
  return withStore(path, (store) => {
    const campaigns = store.list();
    if (flags.json === true) return sayJson(campaigns.map((known) => ({ ...known, request: undefined })));
    if (campaigns.length === 0) return say("The store has no campaigns.");
    const rows = campaigns.map(({ name, chips, begun, identity }) => [
      name,
      String(chips),
      identity.model.name,
      identity.plans.map((plan) => plan.name).join(", "),
      begun.slice(0, 16).replace("T", " "),
    ]);
    return say(fitTable(rows, ["name", "chips", "model", "plans", "begun (UTC)"]));
  });
}

/** Settings of nearly every campaign, which tell a reader nothing. */
const usualSettings: Readonly<Record<string, unknown>> = { errors: "faults", binder: "patch" };

/** What chips are judged by, in the word of `--measure`; a measure with settings of its own as it was kept. */
function measureName(kept: string): string {
  const parsed = z.strictObject({ name: z.string() }).safeParse(jsonOf(kept));
  return parsed.success ? parsed.data.name : kept;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `qtaml campaign show`. */
export function runShow(path: string, flags: CampaignFlags): Promise<void> {
  return withStore(path, (store) => {
    const campaign = chosen(store, path, flags.name);
    const { identity, name, begun, request } = campaign;
    const records = store.chips(name);
    const events = store.events(name);
    const findings = storedFindings(campaign, records);
    const plans = identity.plans.map((plan, p) => {
      const finite = findings?.scores[p]!.filter((score) => Number.isFinite(score)) ?? [];
      return {
        ...plan,
        mean: findings?.answers[p]?.mean ?? null,
        least: finite.length > 0 ? finite.reduce((a, b) => Math.min(a, b)) : null,
        most: finite.length > 0 ? finite.reduce((a, b) => Math.max(a, b)) : null,
      };
    });
    if (flags.json === true) {
      const { chips: counted = 0, ended = null, method: interval = null } = findings ?? {};
      const chips = records.size;
      return sayJson({ name, begun, chips, counted, ended, interval, identity, request, plans, events });
    }
    const { model, data, seed, images, settings, qtaml, runtime } = identity;
    const number = (value: number | null | undefined) =>
      value === null || value === undefined || !Number.isFinite(value) ? "–" : value.toPrecision(5);
    const isPart = images < data.samples;
    const counted = findings?.chips ?? records.size;
    const those = counted < records.size ? `, of which the first ${counted} count` : "";
    say(`Campaign ${name}: ${records.size} chips of ${model.name}${those}, begun ${begun}.`);
    say(
      `Judged by ${measureName(identity.measure)} on ${isPart ? `${images} of ` : ""}${data.samples} samples; seed ${seed}; qtaml ${qtaml}, ONNX runtime ${runtime}.`,
    );
    const told = Object.entries(settings).filter(([key, value]) => usualSettings[key] !== value);
    if (told.length > 0)
      say(`Settings: ${told.map(([key, value]) => `${key} ${String(value).slice(0, 24)}`).join(", ")}.`);
    say();
    const rows = plans.map(({ name: plan, overhead, mean, least, most }) => [
      plan,
      formatPercent(overhead),
      mean === null ? "–" : `${number(mean.estimate)} (${number(mean.low)} to ${number(mean.high)})`,
      number(least),
      number(most),
    ]);
    const header = ["plan", "overhead", "mean score", "least", "most"];
    say(fitTable(rows, header));
    if (findings === undefined) {
      say(
        "The means of parts of the images are known once the same verify command has gone on with the store.",
      );
    }
    say();
    for (const { at, text } of events) say(`${at.slice(0, 19).replace("T", " ")}  ${text}`);
    return undefined;
  });
}

/** The format that flags or the name of the output ask for. */
function formatOf({ format, output }: ExportFlags): ChipFormat {
  if (format !== undefined) return format;
  const ending = output === undefined ? "csv" : extname(output).slice(1).toLowerCase();
  const found = chipFormats.find((known) => known === (ending === "ndjson" ? "jsonl" : ending));
  if (found !== undefined) return found;
  throw new QtamlError(
    "invalid-argument",
    `The ending of ${output} says no format; give --format ${chipFormats.join(", ")}.`,
  );
}

/** `qtaml campaign export`. */
export function runExport(path: string, flags: ExportFlags): Promise<void> {
  const format = formatOf(flags);
  const { output } = flags;
  if (output === undefined && format === "parquet") {
    throw new QtamlError("invalid-argument", "Parquet is not text: give a file with -o.");
  }
  if (output !== undefined) checkOutput(output, [path]);
  return withStore(path, (store) => {
    const { name, identity } = chosen(store, path, flags.name);
    const chips = store.chips(name);
    const content = formatChips(
      chipColumns(
        chips,
        identity.plans.map((plan) => plan.name),
      ),
      format,
    );
    if (output === undefined) process.stdout.write(content);
    else {
      writeWhole(output, content);
      note(`${chips.size} chips under ${plural(identity.plans.length, "plan")} written to ${output}.`, flags);
    }
  });
}

/** What `verify` kept of how it was asked: paths are absolute. */
const requestSchema = z.object({
  model: z.string(),
  flags: z.looseObject({ plan: z.array(z.string()), seed: z.number(), queue: z.string() }),
});

const planeName = ({ tensor, bit }: { tensor: string; bit: number }) => `${tensor} bit ${bit}`;

/** Bit planes that a line of the account has room for. */
const fewPlanes = 3;

/** The planes any of which, protected, gives the clean answer back. */
export function causeWords(causes: readonly { tensor: string; bit: number }[]): string {
  if (causes.length === 0) return "several together";
  const more = causes.length - fewPlanes;
  return `${causes.slice(0, fewPlanes).map(planeName).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** A replay for a person. */
function tell(replay: ChipReplay, plan: string, { show, causes }: ReplayFlags): void {
  const { changed, flips, chip, samples } = replay;
  const total = flips.reduce((sum, { byBit }) => sum + byBit.reduce((a, b) => a + b, 0), 0);
  say(
    `Chip ${chip} under ${plan}: ${total} unprotected bits flipped; ${changed.length} of ${samples} answers changed (${formatPercent(changed.length / samples)}).`,
  );
  const bits = Math.max(...flips.map(({ byBit }) => byBit.length));
  const columns = Array.from({ length: bits }, (_, i) => bits - 1 - i);
  say();
  say("Flipped bits by tensor and bit, the most significant first:");
  say(
    fitTable(
      flips.map(({ tensor, byBit }) => [tensor, ...columns.map((bit) => String(byBit[bit] ?? "–"))]),
      ["tensor", ...columns.map(String)],
    ),
  );
  if (changed.length === 0) return;
  const shown = changed.slice(0, show);
  say();
  say(
    fitTable(
      shown.map(({ index, clean, chip: own, label, causes: found }) => [
        String(index),
        label === null ? "–" : String(label),
        String(clean),
        own < 0 ? "not finite" : String(own),
        ...(causes === false ? [] : [causeWords(found)]),
      ]),
      ["sample", "label", "clean", "chip", ...(causes === false ? [] : ["undone by protecting"])],
    ),
  );
  if (shown.length < changed.length) {
    say(`${changed.length - shown.length} more: --show ${changed.length}, or --json for all.`);
  }
}

/** `qtaml campaign replay`. */
export function runReplay(path: string, chip: number, flags: ReplayFlags): Promise<void> {
  return withStore(path, async (store) => {
    const campaign = chosen(store, path, flags.name);
    const kept = store.chips(campaign.name).get(chip);
    const parsed = requestSchema.safeParse(campaign.request);
    if (!parsed.success) {
      throw new QtamlError(
        "invalid-argument",
        `Campaign "${campaign.name}" was not begun by qtaml verify, so its chips cannot be replayed here.`,
      );
    }
    const { model, flags: asked } = parsed.data;
    const tried = { ...(asked as unknown as TryFlags), ...flags, plan: asked.plan, on: undefined };
    const prepared = await prepare(model, tried, "replay");
    const { assessment, data, plans, simulation } = prepared;
    const names = campaign.identity.plans.map((plan) => plan.name);
    const p = flags.plan === undefined ? 0 : names.indexOf(flags.plan);
    if (p < 0) {
      throw new QtamlError(
        "invalid-argument",
        `The campaign has no plan ${flags.plan}; give --plan ${names.join(", --plan ")} or none for the first.`,
      );
    }
    if (simulation.protection !== "ideal" && plans[p]!.plan.protection === "coded") {
      throw new QtamlError(
        "invalid-argument",
        "A replay blames single bits, and bits that codes hold fail together, word by word: replay a campaign of --protection ideal.",
      );
    }
    await withSimulation(assessment, data, { ...simulation, threads: 1 }, async (trials) => {
      const { images } = campaign.identity;
      const identity = { ...trials.identity, images, plans: plansIdentity(plans) };
      checkIdentity(campaign.identity, identity, `Campaign "${campaign.name}" of store ${path}`);
      const samples = images < trials.samples ? { samples: trials.parts(images).of(chip) } : {};
      const protections = plans.map(({ plan }) => planProtection(plan));
      const [outcome] = await trials.execute([{ trial: chip, protections, ...samples }]);
      const scores = outcome!.tallies.map((own) => trials.score(own));
      const isSame = kept === undefined ? null : isSameRecord({ outcome: outcome!, scores }, kept);
      if (isSame === false) process.exitCode = exitDefect;
      const progress = openProgress(flags);
      const replay = await replayChip(assessment, data, plans[p]!.plan, {
        chip,
        seed: simulation.seed,
        most: data.count,
        findCauses: flags.causes !== false,
        designFlips: simulation.designFlips,
        ...(simulation.faults === undefined ? {} : { faults: simulation.faults }),
        onProgress: (done, total) => progress.update("bit planes", done, total),
      }).finally(() => progress.stop());
      if (flags.json === true) {
        sayJson({ campaign: campaign.name, plan: names[p], score: scores[p], sameAsKept: isSame, ...replay });
        return;
      }
      tell(replay, names[p]!, flags);
      say();
      say(
        isSame === null
          ? `The campaign did not try this chip; its score is ${scores[p]}.`
          : isSame
            ? `Its score is ${scores[p]}: bit for bit what the store keeps.`
            : `Its score is ${scores[p]}, which is not what the store keeps (${kept!.scores[p]}): please report this defect.`,
      );
    });
  });
}
