/** @file Sentences of docs/benchmarks.md that repeat numbers of its tables. */
import { smallNetworks } from "../bench/zoo.ts";
import type { Numbers, Quotation } from "./quote.ts";

const document = "docs/benchmarks.md";
const own = { document, source: document };

const those = (source: Numbers, prefix: string) =>
  Object.entries(source).flatMap(([name, value]) => (name.startsWith(prefix) ? [value] : []));
const geometricMean = (values: readonly number[]) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** Holes of the rows of all small networks: `prefix-NETWORK` for each name that stands for `@`. */
const rows = (row: string) =>
  smallNetworks.map((name) => row.replace("NETWORK", name).replaceAll("@", `-${name}`));

const peers = rows("| NETWORK | {*} % | {*} | {*} | {*} | {*} | {*} | {loop@} | {mrfi@} | {pytorchfi@} |");
const trials = rows("| NETWORK | {*} | {*} | {*} | {*} | {*}{more@} %{*} | {*} % | {*} % |");
const variance = rows("| NETWORK | {*} | {*} of 1000 | {*} | {*} | {*} | {factor@} |");

/** The least, the largest and the geometric mean of a column. */
const spans = (source: Numbers, prefix: string) => {
  const values = those(source, prefix);
  return { low: Math.min(...values), high: Math.max(...values), mean: geometricMean(values) };
};

export const benchmarkQuotations: readonly Quotation[] = [
  {
    document,
    says: "Node {node}, onnxruntime-node {runtime}, one thread",
    source: "package.json",
    where: ['"onnxruntime-node": "^{runtime}.0"', '"node": "^{node}.{*}"'],
  },
  {
    ...own,
    says: "The aim was 200 million weights a second and a peak of 1.5 times the largest tensor plus 200 MB. Both are met.",
    where: [
      "| **read, find, quantise (int8), law: ONNX** | {*} | {rate-inside} | {*} |",
      "| the same, external data | {*} | {rate-outside} | {*} |",
      "| the same, safetensors | {*} | {rate-flat} | {*} |",
      "| ONNX | {*} | {peak-inside} | {aim} |",
      "| external data | {*} | {peak-outside} | {*} |",
      "| safetensors | {*} | {peak-flat} | {*} |",
    ],
    holds: (n) => Math.min(...those(n, "rate")) >= 200 && Math.max(...those(n, "peak")) <= n["aim"]!,
  },
  {
    ...own,
    says: "The aim was under a minute for the ResNet-50 on two cores: met, {seconds} s.",
    where: ["| resnet50 | 25.50 | {*} | {*} | {*} | {seconds} | {*} | {*} |"],
    holds: ({ seconds }) => seconds! < 60,
  },
  {
    ...own,
    says: "In the shape of ResNet-50 the norms meet it,",
    where: ["| resnet50, batch of 1 | {*} | {*} | {*} | {*} | {*} | {*} | {*} | {*} | {passes} | {ten} |"],
    holds: ({ passes, ten }) => passes! <= 5 && ten! <= 5,
  },
  {
    ...own,
    says: "The aim was at most 15 %. Seven of ten keep it;",
    where: trials,
    holds: (n) => those(n, "more").filter((value) => value <= 15).length === 7,
  },
  {
    ...own,
    says: "where an image takes 3 to 20 microseconds, drawing its share of the faults, loading the model or judging the answer weighs more (1 to 5 ms a chip).",
    where: [
      "| lenet | 61 | {images-lenet} | {inference-lenet} | {trial-lenet} | **{*}** |",
      "| watch-lenet | 69 | {images-watch-lenet} | {inference-watch-lenet} | {trial-watch-lenet} | **{*}** |",
      "| watch-vgg | 414 | {images-watch-vgg} | {inference-watch-vgg} | {trial-watch-vgg} | **{*}** |",
    ],
    holds: (n) =>
      ["lenet", "watch-lenet", "watch-vgg"].every((name) => {
        const [images, inference, trial] = [
          n[`images-${name}`]!,
          n[`inference-${name}`]!,
          n[`trial-${name}`]!,
        ];
        const [microseconds, rest] = [(1000 * inference) / images, trial - inference];
        return microseconds >= 2.5 && microseconds <= 20 && rest >= 0.5 && rest <= 5.5;
      }),
  },
  {
    ...own,
    says: "The aim was 1.8 times, and less than 5 % for queueing jobs of half a second.",
    where: [
      "| 2 threads | {*} | {*} | {times-threads} | {*} |",
      "| Redis, 2 workers | {*} | {*} | {times-redis} | {*} |",
      "| PostgreSQL, 2 workers | {*} | {*} | {times-postgres} | {*} |",
    ],
    holds: (n) => Math.min(...those(n, "times")) >= 1.8,
  },
  {
    ...own,
    says: "Redis costs {redisCost} % and PostgreSQL {postgresCost} %, which is above the aim in this run",
    where: [
      "| 1 thread | {thread} | {*} | {*} | {*} |",
      "| Redis, 1 worker | {redis} | {*} | {*} | {*} |",
      "| PostgreSQL, 1 worker | {postgres} | {*} | {*} | {*} |",
    ],
    as: ({ thread, redis, postgres }) => ({
      redisCost: 100 * (redis! / thread! - 1),
      postgresCost: 100 * (postgres! / thread! - 1),
    }),
    holds: ({ thread, redis, postgres }) => redis! <= 1.05 * thread! && postgres! > 1.05 * thread!,
  },
  {
    ...own,
    says: "at p = 1e-6 a twelfth to seven tenths of the chips of these networks are such.",
    where: variance,
    holds: (n) => {
      const shares = those(n, "factor").map((factor) => 1 - 1 / factor);
      return Math.abs(Math.min(...shares) - 1 / 12) < 0.04 && Math.abs(Math.max(...shares) - 0.7) < 0.04;
    },
  },
  {
    ...own,
    says: "{loopLow} to {loopHigh} times ({loopMean} in the geometric mean) against a careful loop, {mrfiLow} to {mrfiHigh} times ({mrfiMean}) against MRFI, {pytorchfiLow} to {pytorchfiHigh} times ({pytorchfiMean}) against PyTorchFI.",
    where: peers,
    as: (n) =>
      Object.fromEntries(
        ["loop", "mrfi", "pytorchfi"].flatMap((tool) => {
          const { low, high, mean } = spans(n, `${tool}-`);
          return [
            [`${tool}Low`, low],
            [`${tool}High`, high],
            [`${tool}Mean`, mean],
          ];
        }),
      ),
  },
  {
    ...own,
    says: "The aims were a second and 50 ms.",
    where: [
      "| device | {view-device} | {*} |",
      "| errors | {view-errors} | {*} |",
      "| network | {view-network} | {*} |",
      "| compare | {view-compare} | {*} |",
      "| device: Thickness, barrier | {move-1} |",
      "| device: Hold time, thickness | {move-2} |",
      "| errors: p01, errors | {move-3} |",
      "| network: Budget, protection-map | {move-4} |",
      "| network: p01, protection-map | {move-5} |",
      "| compare: Budget of plan A, kept | {move-6} |",
    ],
    holds: (n) => Math.max(...those(n, "view")) <= 1000 && Math.max(...those(n, "move")) <= 50,
  },
];
