import { proportionInterval } from "../../src/stats/index.ts";

/** The rooms that are tried: pure computation, held by the tests beside it. */
export const pureRooms: readonly string[] = [
  "physics",
  "channel",
  "faults",
  "stats",
  "measure",
  "protect",
  "ecc",
  "stored",
  "image",
  "explorer",
];

/** What mutation testing says of one mutant; the other statuses are mutants that do not count. */
export type Verdict = "Killed" | "Timeout" | "Survived" | "NoCoverage";

/** How many mutants of a room met which end. */
export interface Score {
  readonly room: string;
  readonly counts: Readonly<Record<Verdict, number>>;
  /** The share of the room's mutants that were drawn; 1: all of them. */
  readonly share: number;
}

const verdicts: readonly Verdict[] = ["Killed", "Timeout", "Survived", "NoCoverage"];

/** Counts verdicts; what is none of them is left out. */
export function scoreOf(room: string, statuses: Iterable<string>, share: number): Score {
  const counts = { Killed: 0, Timeout: 0, Survived: 0, NoCoverage: 0 };
  for (const status of statuses) {
    const verdict = verdicts.find((known) => known === status);
    if (verdict !== undefined) counts[verdict]++;
  }
  return { room, counts, share };
}

/** Mutants that were tried, and those of them that a test noticed: it failed, or no longer came to an end. */
export function caughtOf({ counts }: Score): { readonly caught: number; readonly tried: number } {
  const caught = counts.Killed + counts.Timeout;
  return { caught, tried: caught + counts.Survived + counts.NoCoverage };
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/**
 * The table of scores. Of a sample it gives the exact 95 % interval for the score of the whole room (Clopper and
 * Pearson; a little wide, as the sample is drawn without replacement).
 */
export function scoreTable(scores: readonly Score[]): string[] {
  const rows = scores.map((score) => {
    const { counts, share, room } = score;
    const { caught, tried } = caughtOf(score);
    const interval = () => {
      const { low, high } = proportionInterval(caught, tried);
      return share === 1 ? "" : `${percent(low)} to ${percent(high)}`;
    };
    const sample = share === 1 ? "all" : percent(share);
    const cells = [sample, tried, counts.Killed, counts.Timeout, counts.Survived, counts.NoCoverage];
    const verdict = tried === 0 ? ["none drawn", ""] : [percent(caught / tried), interval()];
    return `| \`${room}\` | ${[...cells, ...verdict].join(" | ")} |`;
  });
  return [
    "| room | of its mutants | tried | failed a test | hung | survived | not run by a test | caught | 95 % interval |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ...rows,
  ];
}
