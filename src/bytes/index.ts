/** @file The room of bytes: stretches of memory or of files that may be larger than it. */
export * from "./source.ts";
