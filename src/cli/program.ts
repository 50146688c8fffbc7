/**
 * @file The commands and their flags. Names and fields are a contract. What a command does is loaded when it runs.
 */
import { Argument, Command, Help, Option, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { styleText } from "node:util";
import { decoderClasses, policies } from "./choices.ts";
import { hasColours } from "./colour.ts";
import { campaignCommand, verifyCommand } from "./campaign-commands.ts";
import {
  collect,
  commonOptions,
  dataOptions,
  example,
  flipOptions,
  groups,
  judgingOptions,
  memoryOptions,
  modelArgument,
  parseChips,
  parseNumber,
  parseNumberList,
  parsePort,
  parsePositive,
  runningOptions,
  storageOptions,
} from "./options.ts";
import { completionCommand, workerCommand } from "./service-commands.ts";
import { exitDone, exitMissed } from "./status.ts";
import { everyCommand } from "./usage.ts";

export { exitBad, exitDefect } from "./status.ts";

const weightsArgument = new Argument("<model>", "ONNX model, or weights alone as .safetensors");
const samples = new Option("--samples <n>", "inputs the Jacobian is averaged over (default: 64)")
  .argParser(parsePositive)
  .helpGroup(groups.running);
const { keep, measure, ignoreLabel } = judgingOptions;
const { threads } = runningOptions;
const trials = (chips: number) =>
  new Option("--trials <n>", "chips to simulate")
    .argParser(parseChips)
    .default(chips)
    .helpGroup(groups.judging);
const output = new Option("-o, --output <file>", "file to write");

const columns = `
Columns:
  step               difference between neighbouring codes, in units of weights
  weight w reads as  mean of a weight that is read without protection
  error sd           standard deviation of the error it is read with
  mean J²            mean squared derivative of the outputs in one weight
  score              fall of the squared output error per bit, for the bit most
                     worth protecting
`;

/** Flags of every command that assesses a model. */
function assessing(name: string) {
  return new Command(name)
    .addOption(flipOptions.device)
    .addOption(flipOptions.p)
    .addOption(flipOptions.p01)
    .addOption(flipOptions.p10)
    .addOption(storageOptions.format)
    .addOption(storageOptions.granularity)
    .addOption(storageOptions.parameterFormat)
    .addOption(storageOptions.include)
    .addOption(storageOptions.exclude)
    .addOption(storageOptions.biases)
    .addOption(storageOptions.normalisation)
    .addOption(storageOptions.quantisationParameters)
    .addOption(storageOptions.integers)
    .addOption(dataOptions.data)
    .addOption(dataOptions.calibration)
    .addOption(dataOptions.labels)
    .addOption(dataOptions.labelColumn)
    .addOption(dataOptions.preprocessing)
    .addOption(dataOptions.feed)
    .addOption(dataOptions.limit)
    .addOption(dataOptions.outputName)
    .addOption(samples)
    .addOption(threads)
    .addOption(commonOptions.seed)
    .addOption(commonOptions.json)
    .addOption(commonOptions.quiet);
}

function flipCommand() {
  return new Command("flip")
    .description("flip probability of a stored bit, from the oxide that holds it")
    .option("--material <name>", "material of the oxide, such as SiO2 or HfO2")
    .option("--thickness <nm>", "thickness of the oxide in nm", parseNumber)
    .option("--hold <s>", "hold time between refreshes in s", parseNumber)
    .option("--attempt <hz>", "attempt frequency in 1/s", parseNumber)
    .option("--energy <eV>", "energy of the electron above the band edge in eV", parseNumber)
    .option("--bias <V>", "voltage across the oxide in V", parseNumber)
    .option("--barrier <eV>", "barrier height in eV, instead of the material's", parseNumber)
    .option("--mass <m0>", "tunnelling mass in electron masses, instead of the material's", parseNumber)
    .option("--temperature <K>", "temperature in K", parseNumber)
    .option("--model <name>", "transmission by wkb, corrected or exact")
    .addOption(
      new Option("--solve <what>", "find the thickness, hold time or bias that gives --p").choices([
        "thickness",
        "hold",
        "bias",
      ] as const),
    )
    .addOption(flipOptions.device)
    .addOption(flipOptions.p)
    .addOption(flipOptions.p01)
    .addOption(flipOptions.p10)
    .addOption(commonOptions.seed)
    .addOption(commonOptions.json)
    .addOption(commonOptions.quiet)
    .addHelpText(
      "after",
      example(
        "qtaml flip --material SiO2 --thickness 2.5 --hold 0.064 --attempt 1e13 --energy 0",
        "qtaml flip --material SiO2 --hold 0.064 --solve thickness --p 0.1",
      ),
    )
    .action(async (flags) => (await import("./commands/flip.ts")).runFlip(flags));
}

function codesCommand() {
  return assessing("codes")
    .description("what error-correcting codes leave and cost; with a model, which code for which bits")
    .addArgument(new Argument("[model]", "ONNX model to find the least parity for"))
    .option("--code <name>", "a code to price, such as bch(63,45,3); may be given several times", collect)
    .addOption(
      new Option("--keep <share>", `${keep.description} (default: 0.95)`)
        .argParser(parseNumber)
        .helpGroup(groups.judging),
    )
    .option("--picture <file>", "SVG file for a picture of what codes leave against the flip probability")
    .option("--parity <share>", "check bits that may be spent over data bits, instead of --keep", parseNumber)
    .addOption(measure)
    .addOption(ignoreLabel)
    .addOption(trials(20))
    .addOption(output)
    .addHelpText(
      "after",
      example(
        "qtaml codes --p 0.1",
        'qtaml codes --p 1e-4 --code "secded(72,64)"',
        "qtaml codes zoo/lenet.onnx --data zoo/fashion-mnist-calibration-256.npz --p 0.1 --keep 0.95 -o plan.json",
      ),
    )
    .action(async (model, flags) => {
      process.exitCode = (await (await import("./commands/codes.ts")).runCodes(model, flags))
        ? exitDone
        : exitMissed;
    });
}

function inspectCommand() {
  return assessing("inspect")
    .description(
      "what the memory holds, and what flips do to each tensor; activations are never in the memory",
    )
    .addArgument(weightsArgument)
    .addHelpText(
      "after",
      columns + example("qtaml inspect zoo/lenet.onnx --data zoo/fashion-mnist-calibration-256.npz --p 0.1"),
    )
    .action(async (model, flags) => (await import("./commands/inspect.ts")).runInspect(model, flags));
}

const decoderClass = new Option(
  "--decoder-class <class>",
  "joint plans: decoding folds into scale and zero point (free), or reads a table of one entry a code (table)",
)
  .choices(decoderClasses)
  .default("table" as const);
const grain = new Option(
  "--grain <grain>",
  "joint plans: what protected bits are allotted to; by output channel saves more, and stores tensors in more runs",
)
  .choices(["tensor", "channel"] as const)
  .default("tensor" as const);

function planCommand() {
  return assessing("plan")
    .description("which bits to protect, under a budget or to keep a share of the clean result")
    .addArgument(weightsArgument)
    .addOption(
      new Option("--policy <name>", "how protected bits are chosen")
        .choices(policies)
        .default("tac" as const),
    )
    .addOption(decoderClass)
    .addOption(grain)
    .option(
      "--fold-biases",
      "shift biases against the mean of the errors, where that is predicted to keep more (joint plans always try)",
    )
    .option("--budget <share>", "share of the stored bits to protect, such as 0.05", parseNumber)
    .addOption(keep)
    .addOption(measure)
    .addOption(ignoreLabel)
    .addOption(trials(20))
    .addOption(output)
    .addHelpText(
      "after",
      example(
        "qtaml plan zoo/lenet.onnx --data zoo/fashion-mnist-calibration-256.npz --p 0.1 --budget 0.2 -o plan.json",
        "qtaml plan model.onnx --data inputs.npz --device memory.yaml --keep 0.95 -o plan.json",
      ),
    )
    .action(async (model, flags) => (await import("./commands/plan.ts")).runPlan(model, flags));
}

function compareCommand() {
  return assessing("compare")
    .description("accuracy against overhead for all policies, and the least overhead of each")
    .addArgument(modelArgument)
    .addOption(
      new Option("--keep <share>", keep.description)
        .argParser(parseNumber)
        .default(0.95)
        .helpGroup(groups.judging),
    )
    .addOption(measure)
    .addOption(ignoreLabel)
    .addOption(trials(20))
    .addOption(decoderClass)
    .addOption(grain)
    .option("--budgets <shares>", "overheads to simulate, separated by commas", parseNumberList)
    .addOption(output)
    .addHelpText(
      "after",
      example(
        "qtaml compare zoo/lenet.onnx --data zoo/fashion-mnist-test-2000.npz --p 0.1 --keep 0.95 -o results.json",
      ),
    )
    .action(async (model, flags) => {
      process.exitCode = (await (await import("./commands/compare.ts")).runCompare(model, flags))
        ? exitDone
        : exitMissed;
    });
}

function hardenCommand() {
  return new Command("harden")
    .description("write the model as the memory holds it: stored codes and their decode")
    .addArgument(modelArgument)
    .requiredOption("--plan <file>", "plan to follow")
    .requiredOption("-o, --output <file>", "ONNX file to write")
    .addOption(
      new Option("--form <form>", "decode by table look-up (gather) or by DequantizeLinear (qdq)")
        .choices(["gather", "qdq"] as const)
        .default("gather" as const),
    )
    .addOption(memoryOptions.memory)
    .addOption(memoryOptions.code)
    .addOption(memoryOptions.interleave)
    .addOption(memoryOptions.rowBits)
    .addOption(memoryOptions.polarity)
    .addOption(memoryOptions.rtl)
    .addOption(commonOptions.seed)
    .addOption(commonOptions.json)
    .addOption(commonOptions.quiet)
    .addHelpText(
      "after",
      example(
        "qtaml harden zoo/lenet.onnx --plan plan.json -o hardened.onnx",
        'qtaml harden zoo/lenet.onnx --plan plan.json -o hardened.onnx --memory image --code "secded(72,64)"',
      ),
    )
    .action(async (model, flags) => (await import("./commands/harden.ts")).runHarden(model, flags));
}

function budgetCommand() {
  return new Command("budget")
    .description("share protected bits, parity or area among several models of one memory")
    .addArgument(new Argument("<file>", "YAML or JSON that names the limit and the models (docs/silicon.md)"))
    .addOption(new Option("-o, --output <folder>", "folder to write a plan for each model to"))
    .addOption(samples)
    .addOption(threads)
    .addOption(commonOptions.seed)
    .addOption(commonOptions.json)
    .addOption(commonOptions.quiet)
    .addHelpText("after", example("qtaml budget memory.yaml -o plans"))
    .action(async (file, flags) => (await import("./commands/budget.ts")).runBudget(file, flags));
}

function imageCommand() {
  return new Command("image")
    .description("read a memory image back, correcting what its code can (docs/silicon.md)")
    .addArgument(new Argument("<what>", "check: rebuild the weights").choices(["check"] as const))
    .addArgument(new Argument("<folder>", "memory image of qtaml harden --memory"))
    .option("--model <file>", "compare with this model, hardened by the image's own plan")
    .option("-o, --output <file>", ".npz to write the weights to")
    .addOption(commonOptions.seed)
    .addOption(commonOptions.json)
    .addOption(commonOptions.quiet)
    .addHelpText("after", example("qtaml image check image --model zoo/lenet.onnx"))
    .action(async (_what, folder, flags) => {
      process.exitCode = (await (await import("./commands/image.ts")).runImageCheck(folder, flags))
        ? exitDone
        : exitMissed;
    });
}

function reportCommand() {
  return assessing("report")
    .description("pictures and tables of a model, a memory, a plan or results as one HTML file")
    .addArgument(new Argument("[model]", weightsArgument.description))
    .option("--plan <file>", "plan to show")
    .option("--results <file>", "output of qtaml compare to show")
    .option("--title <text>", "title of the page")
    .addOption(new Option("-o, --output <file>", "HTML file to write").default("report.html"))
    .addHelpText(
      "after",
      example("qtaml report zoo/lenet.onnx --p 0.1 --plan plan.json --results results.json -o report.html"),
    )
    .action(async (model, flags) => (await import("./commands/report.ts")).runReport(model, flags));
}

function serveCommand() {
  return assessing("serve")
    .description("the explorer: a local page that shows the device, errors, the network, plans and campaigns")
    .addArgument(new Argument("[model]", "ONNX model; the shipped LeNet-5 unless given"))
    .addOption(measure)
    .addOption(ignoreLabel)
    .addOption(
      new Option("--port <n>", "port on this machine; 0 for any that is free")
        .argParser(parsePort)
        .default(4870),
    )
    .addHelpText(
      "after",
      example("qtaml serve model.onnx --data test.npz --device memory.yaml", "qtaml serve"),
    )
    .action(async (model, flags) => (await import("./commands/serve.ts")).runServe(model, flags));
}

function demoCommand() {
  return new Command("demo")
    .description("the whole story on a shipped network: device, law, plan, proof, report")
    .addOption(new Option("--output <folder>", "folder to write to").default("demo"))
    .option("--figures <folder>", "write the pictures as SVG files as well")
    .addOption(threads)
    .addOption(commonOptions.seed)
    .addOption(commonOptions.json)
    .addOption(commonOptions.quiet)
    .addHelpText("after", example("qtaml demo --output demo"))
    .action(async (flags) => (await import("./commands/demo.ts")).runDemo(flags));
}

/**
 * Puts flags without a heading under that of the task, and headings in one order for all commands; colours the help
 * where its reader has them.
 */
function prepare(command: CommandUnknownOpts): void {
  const order: readonly string[] = Object.values(groups);
  for (const option of command.options) option.helpGroupHeading ??= groups.task;
  command.addHelpOption(new Option("-h, --help", "show this help").helpGroup(groups.running));
  command.configureOutput({
    getOutHasColors: () => hasColours(process.stdout),
    getErrHasColors: () => hasColours(process.stderr),
  });
  command.configureHelp({
    styleTitle: (text) => styleText("bold", text, { validateStream: false }),
    groupItems: (unsorted, visible, getGroup) =>
      new Map(
        [...new Help().groupItems(unsorted, visible, getGroup)].sort(
          ([one], [other]) => order.indexOf(one) - order.indexOf(other),
        ),
      ),
  });
}

/** The whole command line. */
export function buildProgram(version: string) {
  const program = new Command("qtaml")
    .description(
      "Bit flips in the stored weights of neural networks: what breaks, what to protect, and proof that it works.",
    )
    .version(version)
    .showSuggestionAfterError()
    .addCommand(flipCommand())
    .addCommand(codesCommand())
    .addCommand(inspectCommand())
    .addCommand(planCommand())
    .addCommand(verifyCommand())
    .addCommand(campaignCommand())
    .addCommand(compareCommand())
    .addCommand(hardenCommand())
    .addCommand(imageCommand())
    .addCommand(budgetCommand())
    .addCommand(reportCommand())
    .addCommand(serveCommand())
    .addCommand(demoCommand())
    .addCommand(workerCommand());
  program.addCommand(completionCommand(() => program));
  for (const command of everyCommand(program)) prepare(command);
  return program;
}
