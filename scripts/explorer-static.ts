/**
 * @file `npm run explorer:static`: the explorer with the shipped network as static files, in `dist/static-explorer` or in the
 * folder that is named.
 */
import { join, resolve } from "node:path";
import { shippedNetwork } from "./shipped-explorer.ts";
import { buildStatic } from "./static-explorer.ts";

const folder = resolve(process.argv[2] ?? join(import.meta.dirname, "../dist/static-explorer"));
await buildStatic(await shippedNetwork(), folder);
process.stdout.write(`Written to ${folder}: host it as it is.\n`);
