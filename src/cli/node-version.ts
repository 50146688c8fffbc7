/** @file Which Node the package runs on. What is written here must run on older ones, too. */
import { readFileSync } from "node:fs";

/** The least version that package.json allows. */
function leastVersion(): string {
  // Read, not imported: the first versions that knew JSON modules are newer than those that are told of here.
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { engines } = JSON.parse(text) as { readonly engines: { readonly node: string } };
  return engines.node.replace(">=", "");
}

/**
 * Why the package does not run on a version of Node, with the remedy; undefined where it does.
 *
 * @param version such as 22.12.0
 */
export function nodeProblem(version: string): string | undefined {
  const least = leastVersion();
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split(".").map(Number);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return undefined;
  return `Node ${least} or later is needed, and this is ${version}; install a newer one from https://nodejs.org.`;
}
