/** @file Commands about running qtaml elsewhere: workers of a queue, and shells that complete its command line. */
import { Argument, Command, Option, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { commonOptions, example, parseNumber, runningOptions } from "./options.ts";

const { threads, queue } = runningOptions;

/** `qtaml worker`. */
export function workerCommand() {
  return new Command("worker")
    .description("take part in the campaigns that are submitted to a queue, until told to stop")
    .addOption(
      new Option("--redis <url>", "Redis server of the queue, such as redis://host:6379").env("QTAML_REDIS"),
    )
    .addOption(
      new Option(
        "--postgres <url>",
        "PostgreSQL server of the queue, such as postgres://user@host:5432/database",
      ).env("QTAML_POSTGRES"),
    )
    .addOption(queue)
    .addOption(threads)
    .option("--cache <folder>", "where fetched models and data are kept (default: ~/.cache/qtaml)")
    .addOption(new Option("--cache-size <GiB>", "how much of it is kept").argParser(parseNumber).default(4))
    .option("--allow-code", "run measures that are modules of the submitter: code from the queue")
    .addOption(
      new Option("--stall <s>", "seconds without a sign of life after which a shard goes to another worker")
        .argParser(parseNumber)
        .default(15),
    )
    .option("--exit-when-idle <s>", "end after so many seconds without work", parseNumber)
    .addOption(commonOptions.json)
    .addOption(commonOptions.quiet)
    .addHelpText(
      "after",
      example(
        "qtaml worker --redis redis://10.0.0.5:6379 --threads 8",
        "qtaml verify model.onnx --plan plan.json --data test.npz --on redis://10.0.0.5:6379",
      ),
    )
    .action(async (flags) => (await import("./commands/worker.ts")).runWorker(flags));
}

/** `qtaml completion`. @param program the whole command line, which the script is made from */
export function completionCommand(program: () => CommandUnknownOpts) {
  return new Command("completion")
    .description("script that completes commands, options and file names in a shell")
    .addArgument(new Argument("<shell>", "shell to complete in").choices(["bash", "zsh", "fish"] as const))
    .addHelpText(
      "after",
      example(
        "source <(qtaml completion bash)",
        "qtaml completion fish > ~/.config/fish/completions/qtaml.fish",
      ),
    )
    .action(async (shell) => {
      process.stdout.write((await import("./completion/index.ts")).completionScript(program(), shell));
    });
}
