/** @file Every command that writes figures and numbers into documents, in the order in which they build on each other. */
import { smallNetworks } from "../bench/zoo.ts";
import { stampOf } from "../reproduce/stamp.ts";

/**
 * How CI holds what a step writes:
 * - `same`: it runs the step, which must write the same;
 * - `alike`: it runs the step (as `check` says), whose words must be the same and whose numbers nearly so;
 * - `stamp`: a stamp of the step's inputs in what it wrote must be that of today, and rows are computed again;
 * - `tests`: tests compare it, as told.
 */
export type Held = "same" | "alike" | "stamp" | "tests";

/** A command that writes. */
export interface Step {
  /** Script of package.json. */
  readonly script: string;
  readonly args?: readonly string[];
  /** Files it writes, from the root of the repository; patterns of names. */
  readonly writes: readonly string[];
  /** Minutes it takes on two cores. */
  readonly minutes: number;
  readonly held: Held;
  /** Arguments with which CI runs it, where these are others. */
  readonly check?: readonly string[];
  /** The part of its only document that its standard output becomes, followed by the stamp. */
  readonly section?: string;
  /** Networks and data whose figures it prints: what the stamp is of, beside the command. */
  readonly files?: readonly string[];
  /** What it needs that `npm run setup` does not bring. */
  readonly needs?: string;
  /** Whether it runs only when it is named: it makes the networks that everything else is measured on. */
  readonly onlyByName?: boolean;
}

const zoo = (...names: readonly string[]) => names.map((name) => `zoo/${name}.onnx`);
const testData = ["zoo/fashion-mnist-test-2000.npz", "zoo/watch-test-1008.npz"];
const fashion = smallNetworks.filter((name) => !name.startsWith("watch"));

const bench = (name: string, minutes: number, rest: Pick<Step, "args" | "files" | "needs">): Step => ({
  script: `bench:${name}`,
  writes: ["docs/benchmarks.md"],
  section: name,
  minutes,
  held: "stamp",
  ...rest,
});

/** The steps, in order. */
export const steps: readonly Step[] = [
  {
    script: "zoo",
    args: ["all"],
    writes: ["zoo/*.onnx", "zoo/*.md"],
    minutes: 120,
    held: "tests",
    needs: "PyTorch, two of the networks a GPU",
    onlyByName: true,
  },
  { script: "docs:commands", writes: ["docs/commands.md"], minutes: 0.1, held: "same" },
  { script: "docs:operators", writes: ["docs/gradient-operators.md"], minutes: 0.1, held: "same" },
  { script: "docs:layout", writes: ["docs/layout.schema.json"], minutes: 0.1, held: "same" },
  { script: "docs:dependencies", writes: ["docs/dependencies.md"], minutes: 0.1, held: "same" },
  { script: "docs:package", writes: ["docs/package.md"], minutes: 0.3, held: "tests" },
  { script: "figures:codes", writes: ["docs/figures/codes-residual.svg"], minutes: 0.1, held: "alike" },
  { script: "figures", writes: ["docs/figures/demo-*.svg"], minutes: 0.3, held: "alike" },
  {
    script: "explorer:screenshots",
    writes: ["docs/figures/explorer/*"],
    minutes: 2,
    held: "alike",
    check: ["--words"],
    needs: "Chromium",
  },
  { script: "docs:outputs", writes: ["docs/*.md"], minutes: 2, held: "tests" },
  { script: "docs:outputs", args: ["--slow"], writes: ["docs/*.md"], minutes: 5, held: "stamp" },
  {
    script: "conformance",
    args: ["--update"],
    writes: ["docs/conformance.md"],
    minutes: 3,
    held: "tests",
    needs: "npm's and PyPI's registries",
  },
  {
    script: "reproduce",
    writes: ["docs/results.md", "docs/figures/results-*.svg"],
    minutes: 40,
    held: "stamp",
  },
  { script: "reproduce:correction", writes: ["docs/correction.md"], minutes: 8, held: "stamp" },
  {
    script: "bench:beyond",
    writes: ["docs/beyond.md", "docs/figures/beyond-noise.svg"],
    minutes: 45,
    held: "stamp",
  },
  bench("flips", 1, { args: ["32"] }),
  bench("reading", 2, { args: ["1024"] }),
  bench("gradient", 2, { args: ["--batch", "32"], files: zoo(...fashion) }),
  bench("jacobian", 1, { files: [...zoo(...fashion), "zoo/fashion-mnist-calibration-256.npz"] }),
  bench("trials", 2, {
    args: ["--images", "2000", "--rounds", "15"],
    files: [...zoo(...smallNetworks), ...testData],
  }),
  bench("executors", 4, {
    args: ["resnet"],
    files: [...zoo("resnet"), testData[0]!],
    needs: "Redis and PostgreSQL",
  }),
  bench("variance", 10, { args: ["--chips", "300"], files: [...zoo(...smallNetworks), ...testData] }),
  bench("peers", 30, {
    args: ["--seconds", "8"],
    files: [...zoo(...smallNetworks), ...testData],
    needs: "Python with PyTorch, PyTorchFI and MRFI in peers/bin/python (bench/peers/README.md)",
  }),
  bench("webgpu", 3, {
    args: ["lenet", "resnet", "transformer", "mobilenet", "resnet18"],
    files: [...zoo("lenet", "resnet", "transformer", "mobilenet", "resnet18"), testData[0]!],
    needs: "a GPU",
  }),
  bench("explorer", 1, {
    files: [...zoo("lenet"), testData[0]!, "zoo/fashion-mnist-calibration-256.npz"],
    needs: "Chromium",
  }),
  { script: "docs:quotations", writes: ["*.md", "docs/*.md"], minutes: 0.1, held: "tests" },
];

/** Steps that take less than a minute. */
export const isFast = ({ minutes }: Step): boolean => minutes < 1;

/** The command of a step as a person types it. */
export const commandOf = ({ script, args = [] }: Step): string =>
  `npm run ${[script, ...(args.length === 0 ? [] : ["--", ...args])].join(" ")}`;

/** The stamp of what a step prints into a part of a document. */
export const sectionStamp = (step: Step): string => stampOf(step.files ?? [], commandOf(step));

const heldWords: Readonly<Record<Held, string>> = {
  same: "made again, and compared",
  alike: "made again, and compared",
  stamp: "a stamp of what it was made from",
  tests: "tests",
};

const timeOf = (minutes: number) => (minutes < 1 ? `${Math.round(60 * minutes)} s` : `${minutes} min`);

/** The table of CONTRIBUTING.md: documents, the commands that write them, how long these take, and how CI holds them. */
export function stepsTable(): string {
  const rows = steps.map((step) => [
    step.writes.map((path) => `\`${path}\``).join(", ") +
      (step.section === undefined ? "" : ` (${step.section})`),
    `\`${commandOf(step)}\``,
    timeOf(step.minutes),
    heldWords[step.held],
    step.needs ?? "",
  ]);
  const head = ["writes", "command", "takes", "held by", "needs"];
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
