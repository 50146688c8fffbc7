/** @file The commands of campaigns and their flags: `qtaml verify` and `qtaml campaign`. */
import { Argument, Command, Option } from "@commander-js/extra-typings";
import {
  collect,
  commonOptions,
  dataOptions,
  example,
  faultOptions,
  flipOptions,
  groups,
  judgingOptions,
  modelArgument,
  parseImages,
  parseNumber,
  parsePositive,
  parseWhole,
  runningOptions,
} from "./options.ts";
import { chipFormats, protectionModes } from "./choices.ts";
import { parseUntil, usualMost } from "./until.ts";

const { keep, measure, ignoreLabel } = judgingOptions;
const { threads, on, queue, provider } = runningOptions;

/** `qtaml verify`. */
export function verifyCommand() {
  return new Command("verify")
    .description("try plans on simulated chips, until it is clear whether they keep what is asked")
    .addArgument(modelArgument)
    .addOption(
      new Option(
        "--plan <file>",
        "plan to verify; give several to compare them on the same chips (repeatable)",
      )
        .argParser(collect)
        .makeOptionMandatory(),
    )
    .addOption(dataOptions.data)
    .addOption(dataOptions.labels)
    .addOption(dataOptions.labelColumn)
    .addOption(dataOptions.preprocessing)
    .addOption(dataOptions.feed)
    .addOption(dataOptions.limit)
    .addOption(dataOptions.outputName)
    .addOption(flipOptions.device)
    .addOption(flipOptions.p)
    .addOption(flipOptions.p01)
    .addOption(flipOptions.p10)
    .addOption(
      new Option(
        "--code <name>",
        "code of all protected bits, such as secded(72,64), for plans that name none",
      ).helpGroup(groups.flips),
    )
    .addOption(
      new Option(
        "--protection <how>",
        "what becomes of bits that codes hold: exact (default): codewords are hit and decoded; residual: bits flip as often as the code leaves; ideal: never (docs/codes.md)",
      )
        .choices(protectionModes)
        .helpGroup(groups.flips),
    )
    .addOption(faultOptions.faults)
    .addOption(faultOptions.regime)
    .addOption(faultOptions.reads)
    .addOption(faultOptions.intervals)
    .addOption(
      new Option("--keep <share>", `${keep.description} (default: what the plan was made to keep, or 0.95)`)
        .argParser(parseNumber)
        .helpGroup(groups.judging),
    )
    .addOption(
      new Option("--yield <share>", "share of chips that are to keep it, such as 0.99, instead of the mean")
        .argParser(parseNumber)
        .helpGroup(groups.judging),
    )
    .addOption(measure)
    .addOption(ignoreLabel)
    .addOption(
      new Option(
        "--until <when>",
        'stop when the question is settled (settled), when the interval is narrow enough (±0.01), after so many chips ("200 chips"), or after a number worked out beforehand ("planned ±0.01", or planned with --yield); settled by default',
      )
        .argParser(parseUntil)
        .helpGroup(groups.campaign),
    )
    .addOption(
      new Option(
        "--trials <n>",
        `most chips with --until (${usualMost} by default); alone, a fixed number of chips`,
      )
        .argParser(parsePositive)
        .helpGroup(groups.campaign),
    )
    .addOption(
      new Option(
        "--images <n>",
        "images a chip is judged on: a number, all (default), or auto for the fastest",
      )
        .argParser(parseImages)
        .helpGroup(groups.campaign),
    )
    .addOption(
      new Option(
        "--exact",
        "intervals of means that hold for any distribution of chips, not only for large numbers of them: wider",
      ).helpGroup(groups.campaign),
    )
    .addOption(
      new Option(
        "--store <file>",
        "keep finished chips in this file; the same command goes on where it stopped",
      ).helpGroup(groups.campaign),
    )
    .addOption(
      new Option("--name <name>", "name of the campaign in the store")
        .default("verify")
        .helpGroup(groups.campaign),
    )
    .addOption(threads)
    .addOption(provider)
    .addOption(on)
    .addOption(queue)
    .addOption(commonOptions.seed)
    .addOption(commonOptions.json)
    .addOption(commonOptions.quiet)
    .addHelpText(
      "after",
      example(
        "qtaml verify zoo/lenet.onnx --plan plan.json --data zoo/fashion-mnist-test-2000.npz --trials 50",
        "qtaml verify model.onnx --plan tac.json --plan msp.json --data test.npz --until ±0.005 --store runs.db",
        "qtaml verify model.onnx --plan plan.json --data test.npz --yield 0.99 --trials 2000 --store runs.db",
      ),
    )
    .action(async (model, flags) => {
      process.exitCode = await (await import("./commands/verify.ts")).runVerify(model, flags);
    });
}

const storeArgument = new Argument("<store>", "file that qtaml verify --store keeps chips in");
const campaignName = new Option("--name <name>", "campaign of the store; needed where it has several");

/** `qtaml campaign`. */
export function campaignCommand() {
  const campaigns = () => import("./commands/campaign.ts");
  const list = new Command("list")
    .description("campaigns of a store")
    .addArgument(storeArgument)
    .addOption(commonOptions.json)
    .action(async (store, flags) => (await campaigns()).runList(store, flags));
  const show = new Command("show")
    .description("what a campaign tries, what its chips say so far, and what happened to it")
    .addArgument(storeArgument)
    .addOption(campaignName)
    .addOption(commonOptions.json)
    .action(async (store, flags) => (await campaigns()).runShow(store, flags));
  const exporting = new Command("export")
    .description("finished chips as a table: a row for each chip under each plan")
    .addArgument(storeArgument)
    .addOption(campaignName)
    .addOption(
      new Option(
        "--format <format>",
        "unless given, what the ending of the file says; csv without one",
      ).choices(chipFormats),
    )
    .addOption(new Option("-o, --output <file>", "file to write; standard output unless given"))
    .addOption(commonOptions.quiet)
    .action(async (store, flags) => (await campaigns()).runExport(store, flags));
  const replay = new Command("replay")
    .description("one chip again: its flipped bits, the answers it changed, and the bits that are to blame")
    .addArgument(storeArgument)
    .addArgument(new Argument("<chip>", "number of the chip, from 0").argParser(parseWhole))
    .addOption(campaignName)
    .addOption(new Option("--plan <name>", "plan of the campaign; the first unless given"))
    .addOption(
      new Option("--no-causes", "do not look for the bits to blame, which runs the network for each"),
    )
    .addOption(
      new Option("--show <n>", "changed answers in the account").argParser(parsePositive).default(20),
    )
    .addOption(commonOptions.json)
    .addOption(commonOptions.quiet)
    .action(async (store, chip, flags) => (await campaigns()).runReplay(store, chip, flags));
  return new Command("campaign")
    .description("campaigns in a store: list, show, export, replay")
    .addCommand(list)
    .addCommand(show)
    .addCommand(exporting)
    .addCommand(replay)
    .addHelpText(
      "after",
      example(
        "qtaml campaign list runs.db",
        "qtaml campaign export runs.db -o chips.parquet",
        "qtaml campaign replay runs.db 17",
      ),
    );
}
