/** @file The support table of `docs/gradient-operators.md`, made from the rules themselves. */
import { loweredOperators, loweringRemarks } from "./lower/lower.ts";
import { gradientStops, ruleGroups } from "./operators.ts";

const introduction = `# Operators with a gradient

Made from the rules in \`src/gradient\`: \`npm run docs:operators\` writes it anew, and a test fails when it is
stale.

The gradient graph differentiates these operators in any operator set from 7 on; without a domain they are ONNX's own.
Networks in float16, bfloat16 and double are differentiated in float32 at the values they compute themselves. A tensor
that reaches the output through any other operator, or through a form that the remarks leave out, is measured by
forward probes instead, and \`qtaml inspect\` names the operator. Arithmetic broadcasts as numpy does. Derivatives at
kinks are those of one side, and where elements tie for a maximum or minimum they share the gradient unless the remarks
say otherwise.`;

/** The document in Markdown. */
export function gradientTable(): string {
  const rows = ruleGroups.flatMap((group) =>
    Object.keys(group.rules)
      .sort()
      .map((operator) => `| \`${operator}\` | ${group.kind} | ${group.remarks?.[operator] ?? ""} |`),
  );
  const rewritten = loweredOperators.map(
    (operator) => `| \`${operator}\` | ${loweringRemarks[operator] ?? ""} |`,
  );
  return `${introduction}

| operator | kind | remarks |
|---|---|---|
${rows.join("\n")}

## Compound operators

These are first written out in operators of the table above.

| operator | remarks |
|---|---|
${rewritten.join("\n")}

## Where gradients end

These have integer or boolean results, or none that vary with a float input; a path
through them adds nothing to a gradient: ${gradientStops.map((o) => `\`${o}\``).join(", ")}, and \`Cast\` from a float to
an integer type (but not of an integer product that is computed in float). A tensor that reaches the output only through
them is measured by forward probes.

## Measured by forward probes

Everything else; in particular \`Loop\`, \`Scan\` and an \`If\` that the data decide, rounding (\`Round\`, \`Floor\`, \`Ceil\`,
\`Sign\`), \`GridSample\` and \`RoiAlign\`, sequences, and operators of other domains.
`;
}
