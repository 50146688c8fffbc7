/** @file Every sentence that repeats a number from elsewhere. `quote.ts` says how passages are written. */
import { benchmarkQuotations } from "./benchmark-quotations.ts";
import { subjects } from "../reproduce/cases.ts";
import type { Numbers, Quotation } from "./quote.ts";

const names = subjects.map(({ name }) => name);

/** The numbers of holes that begin alike. */
const those = (source: Numbers, prefix: string) =>
  Object.entries(source).flatMap(([name, value]) => (name.startsWith(prefix) ? [value] : []));
const least = (source: Numbers, prefix: string) => Math.min(...those(source, prefix));
const most = (source: Numbers, prefix: string) => Math.max(...those(source, prefix));

const within = (value: number | undefined, low: number, high: number) =>
  value !== undefined && value >= low && value <= high;

/** How the demo ends, in docs/start.md. */
const demo = [
  "images. Accuracy in % (95 % interval) against overhead; clean {clean} %, to keep {target} %.",
  "The plan on 20 fresh chips: {fresh} % ({freshLow} % to {freshHigh} %)",
  "TAC keeps 95 % of the clean accuracy with {tac} % overhead; Uniform-MSP needs {uniform} %: {ratio} times as much (95 % interval {low} to {high}).",
];

/** A network's row in the headline of docs/results.md. */
const headline = (network: string) => [
  `| \`${network}\` | {*} | {*} | {uniform} % ({*}) | {*} | {tac} % ({*}) | **{ratio}** ({low} to {high}) | {gaussian} | {closed} |`,
];

const readme: readonly Quotation[] = [
  {
    document: "README.md",
    says: "TAC keeps 95 % of clean accuracy with {tac} % of the stored bits protected, Uniform-MSP needs {uniform} %]",
    source: "docs/start.md",
    where: demo,
  },
  {
    document: "README.md",
    says: "A LeNet-5 ({clean} % on Fashion-MNIST)",
    source: "docs/start.md",
    where: demo,
  },
  {
    document: "README.md",
    says: "in a memory behind {thickness} nm of SiO2, read every {hold} ms",
    source: "zoo/thin-oxide.yaml",
    where: ["thicknessNm: {thickness}", "holdS: {seconds}"],
    as: ({ seconds }) => ({ hold: 1000 * seconds! }),
  },
  {
    document: "README.md",
    says: "keeps 95 % of its accuracy once {uniform} % of the bits are protected. Tunneling-Aware Compensation (TAC) needs {tac} %: {ratio} times less, 95 % interval {low} to {high},",
    source: "docs/start.md",
    where: demo,
  },
  {
    document: "README.md",
    says: "{tac} % of the bits are enough where Uniform-MSP needs {uniform} %: {ratio} times less ({low} to {high}).",
    source: "docs/results.md",
    where: headline("vgg"),
  },
  {
    document: "README.md",
    says: "Over ten networks on two data sets the ratio lies between {low} and {high}, {mean} in the geometric mean",
    source: "docs/results.md",
    where: ["The ratio lies between {low} and {high}, {mean} in the geometric mean"],
  },
  {
    document: "README.md",
    says: "on a ResNet-18 of full width it is {ratio} ({low} to {high})",
    source: "docs/results.md",
    where: [
      "| `resnet18` | {*} | {*} | {*} % ({*}) | {*} % ({*}) | **{ratio}** ({low} to {high}) | {*} | {*} |",
    ],
  },
  {
    document: "README.md",
    says: "a prediction that draws no fault is within 20 % of the measured overhead in nine cases of ten",
    source: "docs/results.md",
    where: ["The Gaussian prediction has {share} % within 20 % of the measured value"],
    holds: ({ share }) => within(share, 87, 95),
  },
  {
    document: "README.md",
    says: "the whole story in a quarter of a minute",
    source: "docs/benchmarks.md",
    where: ["`npm run demo`: {seconds} s after installation"],
    holds: ({ seconds }) => within(seconds, 10, 20),
  },
  {
    document: "README.md",
    says: "with {jointLeast} to {jointMost} % overhead it keeps what TAC keeps with {tacLeast} to {tacMost} %.",
    source: "docs/beyond.md",
    where: names.map(
      (name) =>
        `| \`${name}\` | {*} | {*} | {tac-${name}} % ({*}) | {*} | {joint-${name}} % ({*}) | **{*}** | {*} |`,
    ),
    as: (n) => ({
      jointLeast: least(n, "joint-"),
      jointMost: most(n, "joint-"),
      tacLeast: least(n, "tac-"),
      tacMost: most(n, "tac-"),
    }),
  },
  {
    document: "README.md",
    says: "on this network it says {closed} where {ratio} was measured; [Gaussian errors](docs/tac.md#from-noise-to-accuracy-without-simulating-a-fault) of the predicted strength say {gaussian}.",
    source: "docs/results.md",
    where: headline("lenet"),
  },
];

const guides: readonly Quotation[] = [
  {
    document: "docs/start.md",
    says: "{times} times more in the first layer than in the third",
    source: "docs/start.md",
    where: [
      "int8 150 {*} - {*} {*} 105 {first} 3.weight",
      "7.weight Gemm 120x400 int8 48,000 {*} - {*} {*} {*} {third} 9.weight",
    ],
    // One digit.
    as: ({ first, third }) => ({ times: Math.round(first! / third! / 100) * 100 }),
  },
  {
    document: "docs/start.md",
    says: "The clean network has {clean} %. For as many protected bits, the same chips score {points} points more.",
    source: "docs/start.md",
    where: [
      "on the same chips: -{points} points",
      "images. Accuracy in % (95 % interval) against overhead; clean {clean} %",
    ],
  },
  {
    document: "docs/guide-hardware.md",
    says: "Seven times as many refreshes for seven times fewer flips.",
    source: "docs/guide-hardware.md",
    where: ["A hold time of {solved} s gives p = 0.001.", "p10 (1 reads as 0) {p10}", "holdS: {hold} #"],
    holds: ({ hold, solved, p10 }) => within(hold! / solved!, 6.5, 7.5) && within(p10! / 1e-3, 6.5, 7.5),
  },
  {
    document: "docs/guide-hardware.md",
    says: "On all bits SECDED(72,64) costs {parity} % and leaves a fifth of the errors.",
    source: "docs/guide-hardware.md",
    where: ["secded(72,64) {parity} % {*} {*} {left} % {*} useful"],
    holds: ({ left }) => within(left, 17, 23),
  },
  {
    document: "docs/guide-hardware.md",
    says: "so parity is {part} % instead of {all} %.",
    source: "docs/guide-hardware.md",
    where: [
      "Parity: {*} bits, {part} % of the weight bits.",
      "secded(72,64) {all} % {*} {*} {*} % {*} useful",
    ],
  },
  {
    document: "docs/guide-hardware.md",
    says: "SECDED leaves {left} % of their errors, and new images are harder.",
    source: "docs/guide-hardware.md",
    where: ["secded(72,64) {*} % {*} {*} {left} % {*} useful"],
  },
  {
    document: "docs/guide-hardware.md",
    says: "for {parity} % of parity: on 40 chips it keeps {kept} % ({low} to {high}), {short} points short.",
    source: "docs/guide-hardware.md",
    where: [
      "data bits, {parity} %.",
      "Accuracy over 40 chips: {kept} %, 95 % interval {low} % to {high} %.",
      "to keep: {target} % (99 % of the clean accuracy)",
    ],
    as: ({ target, kept }) => ({ short: target! - kept! }),
  },
  {
    document: "docs/guide-ml.md",
    says: "Four fifths of the weights, the dense layer's, get no protection at all.",
    source: "docs/guide-ml.md",
    where: [
      "11.weight Gemm 512x432 int8 {dense} 0",
      "of {bits} bits, overhead",
      "11.weight {*} ........ {*}",
    ],
    holds: ({ dense, bits }) => within((8 * dense!) / bits!, 0.75, 0.85),
  },
  {
    document: "docs/faults.md",
    says: "As many bits are wrong, and they do a third of the harm",
    source: "docs/faults.md",
    where: [
      "Clean accuracy {clean} % on 500 samples",
      "Accuracy over 40 chips: {apart} %, 95 % interval {*} Yield: {*} ... $ qtaml verify {*} --data {*} --faults burst:length=16 ... Accuracy over 40 chips: {beside} %",
    ],
    holds: ({ clean, apart, beside }) => within((clean! - beside!) / (clean! - apart!), 0.25, 0.42),
  },
  {
    document: "docs/faults.md",
    says: "Here ln({first} / {second}) / 0.01 nm = {slope}, so `slopePerNm=-{slope}`",
    source: "docs/faults.md",
    where: [
      '2.50 --json 2>/dev/null \\ | grep \'"rate"\' "rate": {first},',
      '2.51 --json 2>/dev/null \\ | grep \'"rate"\' "rate": {second},',
    ],
    as: ({ first, second }) => ({ slope: Math.log(first! / second!) / 0.01 }),
  },
];

const theory: readonly Quotation[] = [
  {
    document: "docs/physics.md",
    says: "| transmission | T = exp(-29.464) = {transmission} | | rate | 1e13 attempts a second x T = {rate} per second | | flip probability | p = (1 - exp(-2 x {rate} x 0.064))/2 = {p} |",
    source: "docs/physics.md",
    where: ["transmission {transmission} transmission, exact 0 rate {rate} 1/s p01 (0 reads as 1) {p}"],
  },
  {
    document: "docs/physics.md",
    says: "| p | {a} | {b} | {c} | {d} | {e} | {f} |",
    source: "docs/physics.md",
    where: ["2.00 nm: {a} 2.25 nm: {b} 2.50 nm: {c} 2.75 nm: {d} 3.00 nm: {e} 3.50 nm: {f}"],
  },
  {
    document: "docs/physics.md",
    says: "p = 0.05 at {thickness5} nm or after {hold5} ms, p = 0.10 at {thickness10} nm or after {hold10} ms, and p = 1e-6 at {thickness6} nm.",
    source: "docs/physics.md",
    where: [
      "A thickness of {thickness5} nm gives p = 0.05.",
      "A thickness of {thickness10} nm gives p = 0.1.",
      "A thickness of {thickness6} nm gives p = 1e-6.",
      "A hold time of {seconds5} s gives p = 0.05.",
      "A hold time of {seconds10} s gives p = 0.1.",
    ],
    as: ({ seconds5, seconds10 }) => ({ hold5: 1000 * seconds5!, hold10: 1000 * seconds10! }),
  },
  {
    document: "docs/error-law.md",
    says: "that is {ten} at p = 0.1 and {five} at p = 0.05 for 8 bits.",
    source: "docs/results.md",
    where: ["| excess kurtosis, p = 0.05 | {five} |", "| excess kurtosis, p = 0.1 | {ten} |"],
  },
  {
    document: "docs/error-law.md",
    says: "the standard deviation is {ten} at p = 0.1 and {five} at p = 0.05 for 8 bits.",
    source: "docs/results.md",
    where: [
      "| variance over the squared infinity norm, p = 0.05 | {squared5} |",
      "| variance over the squared infinity norm, p = 0.1 | {squared10} |",
    ],
    as: ({ squared5, squared10 }) => ({ five: Math.sqrt(squared5!), ten: Math.sqrt(squared10!) }),
  },
  {
    document: "docs/error-law.md",
    says: "= {share} at B = 8",
    source: "docs/results.md",
    where: ["| share of the most significant bit in the variance, (3/4) 4^B/(4^B-1) | {share} |"],
  },
  {
    document: "docs/tac.md",
    says: "brings up to {points} points of accuracy",
    source: "docs/correction.md",
    where: ["by up to +{points} points"],
  },
  {
    document: "docs/tac.md",
    says: "Gaussian errors are within 20 % of the measured overhead in nine cases of ten",
    source: "docs/results.md",
    where: ["The Gaussian prediction has {share} % within 20 % of the measured value"],
    holds: ({ share }) => within(share, 87, 95),
  },
  {
    document: "docs/tac.md",
    says: "keeping 95 % of answers takes {agreement} of overhead, keeping 95 % of accuracy {accuracy}.",
    source: "docs/tac.md",
    where: [
      "-o agreement.json ... Protected: {*} bits, overhead {answers} %.",
      "-o accuracy.json ... Protected: {*} bits, overhead {expected} %.",
    ],
    as: ({ answers, expected }) => ({ agreement: answers! / 100, accuracy: expected! / 100 }),
  },
  {
    document: "docs/tac.md",
    says: "its plan reaches {fresh} % ({freshLow} to {freshHigh}) where {target} % was asked",
    source: "docs/start.md",
    where: demo,
  },
];

const codes: readonly Quotation[] = [
  {
    document: "docs/codes.md",
    says: "(72,64) leaves {left72} % of the errors, (13,8) still {left13} % for {parity13} % of parity.",
    source: "docs/codes.md",
    where: [
      "secded(72,64) 12.5 % 0.103 {*} {left72} % {*} useless",
      "secded(13,8) {parity13} % {*} {left13} % {*} useless",
    ],
  },
  {
    document: "docs/codes.md",
    says: "bch(31,11,5) leaves {left31} % for {parity31} %, bch(127,29,21) {left127} % for {parity127} %, bch(255,47,42) {left255} % for {parity255} %; of repetition, three copies leave {left3} %, nine {left9} % for {parity9} %. No code without errors has less than {floor} % of parity.",
    source: "docs/codes.md",
    where: [
      "bch(31,11,5) {parity31} % {*} {left31} % {*} useful",
      "bch(127,29,21) {parity127} % {*} {left127} % {*} useful",
      "bch(255,47,42) {parity255} % {*} {left255} % {*} useful",
      "repetition(3) {*} % {*} {left3} % {*} dominated",
      "repetition(9) {parity9} % {*} {left9} % {*} dominated",
      "no code that leaves no errors has less than {floor} % parity",
    ],
  },
  {
    document: "docs/codes.md",
    says: "when only data bits are faulty, as there, and {masked} % when the eight check bits are faulty too.",
    source: "docs/codes.md",
    where: ["secded(72,64) 12.5 % 6.9e-5 {*} {left} % {*} useful"],
    as: ({ left }) => ({ masked: 100 - left! }),
  },
  {
    document: "docs/codes.md",
    says: "On 40 chips and all 2,000 test images it keeps {kept} % of accuracy ({low} to {high}) where {target} % was asked.",
    source: "docs/codes.md",
    where: [
      "on 2000 samples; to keep: {target} %",
      "... Accuracy over 40 chips: {kept} %, 95 % interval {low} % to {high} %. ...",
    ],
  },
  {
    document: "docs/codes.md",
    says: "with every bit held they leave {least} to {most} times the noise.",
    source: "docs/codes.md",
    where: [
      "secded(72,64) - - - not reached: {most} times the noise at best ... secded(13,8) - - - not reached: {least} times the noise at best ... bch(127,29,21)",
    ],
  },
  {
    document: "docs/codes.md",
    says: "At p = 0.01, 99 % are kept for {parity} % of parity in BCH codes; SECDED does not get there either.",
    source: "docs/codes.md",
    where: [
      "-o rare.json ... Parity: {*} data bits, {parity} %. ... secded(72,64) - - - not reached: {*} ... secded(13,8) - - - not reached: {*} times the noise at best ... $",
    ],
  },
  {
    document: "docs/codes.md",
    says: "in bch(63,45,3): {exact} % ({exactLow} to {exactHigh}) exact, {residual} % ({residualLow} to {residualHigh}) statistical, {ideal} % ideal.",
    source: "docs/codes.md",
    where: [
      "exact: Accuracy over 40 chips: {exact} %, 95 % interval {exactLow} % to {exactHigh} %.",
      "residual: Accuracy over 40 chips: {residual} %, 95 % interval {residualLow} % to {residualHigh} %.",
      "ideal: Accuracy over 40 chips: {ideal} %,",
    ],
  },
];

const silicon: readonly Quotation[] = [
  {
    document: "docs/silicon.md",
    says: "image.hex 0x0000 unprotected {plain} rows of 32 bits (4 bytes) 0xd840 protected_secded_72_64 {coded} rows of 72 bits (9 bytes)",
    source: "docs/silicon.md",
    where: ["unprotected none 0x0 {plain} x 32", "secded(72,64) 0xd840 {coded} x 72"],
  },
  {
    document: "docs/silicon.md",
    says: "LeNet, which is counted twice, gets {keyword} % of its bits protected and VGG {camera} %; the weighted noise is {noise}, where equal shares would leave {equal}.",
    source: "docs/silicon.md",
    where: [
      "keyword 2 {*} {*} {keyword} % {keywordNoise} {keywordEqual} {*} % camera 1 {*} {*} {camera} % {cameraNoise} {cameraEqual} {*} %",
    ],
    as: (n) => ({
      noise: 2 * n["keywordNoise"]! + n["cameraNoise"]!,
      equal: 2 * n["keywordEqual"]! + n["cameraEqual"]!,
    }),
  },
  {
    document: "docs/explorer.md",
    says: "of the overheads tried, {tac} % by TAC and {uniform} % by Uniform-MSP are the least that keep 95 % of the clean accuracy]",
    source: "docs/figures/explorer/words.txt",
    where: ["is shown to keep 95 % of the clean accuracy: {tac} % by TAC, {uniform} % by Uniform-MSP."],
  },
];

/** All of them. */
export const quotations: readonly Quotation[] = [
  ...readme,
  ...guides,
  ...theory,
  ...codes,
  ...silicon,
  ...benchmarkQuotations,
];
