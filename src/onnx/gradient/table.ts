/** @file The support table of `docs/gradient-operators.md`, made from the rules themselves. */
import { gradientStops, ruleGroups } from "./operators.ts";

const introduction = `# Operators with a gradient

Made from the rules in \`src/onnx/gradient/rules\`; \`QTAML_UPDATE_DOCS=1 vitest run src/onnx/gradient/table.test.ts\`
writes it anew, and the same test fails when it is stale.

The gradient graph differentiates operators of ONNX's default domain, in any operator set from 7 on. A tensor that
reaches the output through any other operator, or through a form that the remarks leave out, is reported as uncovered.
Arithmetic broadcasts as numpy does. Derivatives at kinks are those of one side, and where elements tie for a maximum
or minimum they share the gradient unless the remarks say otherwise.`;

/** The document in Markdown. */
export function gradientTable(): string {
  const rows = ruleGroups.flatMap((group) =>
    Object.keys(group.rules)
      .sort()
      .map((operator) => `| \`${operator}\` | ${group.kind} | ${group.remarks?.[operator] ?? ""} |`),
  );
  return `${introduction}

| operator | kind | remarks |
|---|---|---|
${rows.join("\n")}

## Where gradients end

These have integer or boolean results, or none that vary with a float input; what reaches the output only through them
has a gradient of zero: ${gradientStops.map((o) => `\`${o}\``).join(", ")}, and \`Cast\` to an integer type.
`;
}
