/** @file Where the bytes of a model lie. */
export * from "../bytes/index.ts";
