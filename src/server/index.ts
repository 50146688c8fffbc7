/** @file The room of the local server behind `qtaml serve`. */
export { startServer, type RunningServer, type ServerOptions } from "./start.ts";
export type { ModelSource, Opened } from "./opened.ts";
