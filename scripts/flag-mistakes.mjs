/** @file Loaded before a script of this repository: a flag that it does not know becomes a sentence and exit status 2. */
process.on("uncaughtExceptionMonitor", ({ code, message }) => {
  if (typeof code !== "string" || !code.startsWith("ERR_PARSE_ARGS_")) return;
  const [sentence] = message.split(/\. To specify|\n/);
  process.stderr.write(`${sentence.replace(/\.$/, "")}; --help says what this script takes.\n`);
  process.exit(2);
});
