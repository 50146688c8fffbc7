/** @file Names of number formats for tests that enumerate pairs of codes. */
import { formatNames, numberFormat } from "../src/channel/index.ts";

/** The formats of at most 8 bits: their channel matrices have at most 256 x 256 entries. */
export const narrowFormatNames = formatNames.filter((name) => numberFormat(name).bits <= 8);
