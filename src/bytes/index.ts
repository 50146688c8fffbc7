/** @file The room of bytes: stretches of memory or of files that may be larger than it. */
export { pickleKind } from "./pickle.ts";
export * from "./source.ts";
