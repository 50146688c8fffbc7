/**
 * @file The room of the explorer: what its page and its server share. Pure: the page computes with it in the browser.
 */
export { tokenName, type About, type Refusal, type Work } from "./protocol.ts";
