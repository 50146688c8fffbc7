/**
 * @file A coordinator as a process of its own: `coordinator.ts <url> <chips>`. Writes a line for each outcome, and the
 * hash of all of them at the end.
 */
import { openExecutor } from "../../src/engine/index.ts";
import { hashOf, toText } from "../../src/engine/executors/wire.ts";
import { chipsOf, faultsContext } from "./campaign.ts";

const [url, chips] = process.argv.slice(2);
const context = await faultsContext();
const executor = await openExecutor(context, { on: url, onNotice: (text) => console.error(text) });
const outcomes = await executor.run(chipsOf(context, Number(chips)), {
  onOutcome: ({ trial }) => console.log(`chip ${trial}`),
});
console.log(`hash ${hashOf([toText(outcomes)])}`);
await executor.close();
