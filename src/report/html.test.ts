import { JSDOM } from "jsdom";
import { describe, expect, it } from "vitest";
import { sampleComparison, samplePlan, sampleReport, sampleTensors } from "../../test/report-sample.ts";
import type { Comparison } from "../planning/index.ts";
import { builtInMeasure } from "../measure/index.ts";
import { theme } from "./charts/theme.ts";
import { reportPage } from "./html.ts";
import type { ReportInput } from "./types.ts";
import { comparisonHeadline, headline, protectionWords } from "./words.ts";

const environment = { version: "0.1.0", created: "2026-01-01T00:00:00.000Z" };
const whole = reportPage(sampleReport);
const parse = (text: string) => new JSDOM(text).window.document;

/** Where what a browser would build differs from what was written: something moved, closed or dropped by the parser. */
function parserChanges(text: string): string {
  const plain = (t: string) =>
    t
      .replace(/&#39;/g, "'")
      .replace(/&quot;/g, '"')
      .replace(/\u00a0/g, "&nbsp;")
      .replace(/<!doctype html>/i, "")
      .replace(/\s*\/>/g, ">")
      .replace(/\s+/g, "");
  const [built, written] = [plain(new JSDOM(text).serialize()), plain(text)];
  if (built === written) return "";
  const at = Array.from({ length: written.length }, (_, i) => i).find((i) => built[i] !== written[i]) ?? 0;
  return `${written.slice(at, at + 60)} became ${built.slice(at, at + 60)}`;
}

const hostile = `"><script>alert('x')</script><img src=x onerror=alert(1)>\u202e&amp;`;

function hostileReport(): ReportInput {
  const tensors = sampleTensors.map((t) => ({
    ...t,
    name: hostile + t.name,
    operator: hostile,
    stoppedBy: hostile,
    method: "forward-probe" as const,
  }));
  const device = sampleReport.device!;
  return {
    ...sampleReport,
    title: hostile,
    model: { name: hostile, sha256: hostile },
    tensors,
    law: { ...sampleReport.law!, tensor: hostile, format: hostile },
    plan: {
      ...samplePlan,
      model: { name: hostile, sha256: hostile },
      tensors: samplePlan.tensors.map((t) => ({ ...t, name: hostile + t.name })),
    },
    device: {
      ...device,
      name: hostile,
      barrier: {
        ...device.barrier!,
        layers: device.barrier!.layers.map((l) => ({ ...l, material: hostile })),
      },
      flips: {
        ...device.flips,
        warnings: [hostile],
        parameters: { ...device.flips.parameters, [hostile]: hostile },
      },
    },
    environment: { version: hostile, created: hostile, commands: [hostile], notes: { [hostile]: hostile } },
  };
}

describe("reportPage", () => {
  it("says the headline, and shows every picture at two widths", () => {
    const document = parse(whole);
    expect(document.querySelector(".headline")?.textContent?.replaceAll("\u00a0", " ")).toBe(
      "TAC keeps 95 % of the clean accuracy with 7.7 % overhead; Uniform-MSP needs 29.1 %: 3.8 times as much (95 % interval 3.3 to 4.3).",
    );
    expect(document.querySelectorAll("figure")).toHaveLength(8);
    expect(document.querySelectorAll("svg")).toHaveLength(16);
    expect(document.title).toBe("LeNet in a leaky gate oxide");
  });

  it("parses as it was written", () => {
    expect(parserChanges(whole)).toBe("");
  });

  it("is the same text for the same input, also when that went through JSON", () => {
    expect(reportPage(JSON.parse(JSON.stringify(sampleReport)) as ReportInput)).toBe(whole);
  });

  it("loads nothing and runs nothing", () => {
    const document = parse(whole);
    expect(document.querySelectorAll("script, link, iframe, object, embed, img, base, form")).toHaveLength(0);
    for (const element of Array.from(document.querySelectorAll("*"))) {
      for (const { name, value } of Array.from(element.attributes)) {
        expect(name).not.toMatch(/^on|^src$|href$/);
        expect(name.startsWith("xmlns") ? "" : value).not.toMatch(/https?:|\/\/|url\(/);
      }
    }
    expect(document.querySelector("style")!.textContent).not.toMatch(/url\(|@import|https?:/);
    expect(document.querySelector("meta[http-equiv]")!.getAttribute("content")).toContain(
      "default-src 'none'",
    );
  });

  it("is accessible in its structure", () => {
    const document = parse(whole);
    expect(document.documentElement.lang).toBe("en");
    expect(document.querySelectorAll("h1")).toHaveLength(1);
    for (const svg of Array.from(document.querySelectorAll("svg"))) {
      expect(svg.getAttribute("role")).toBe("img");
      expect(svg.getAttribute("aria-label")).toBeTruthy();
    }
    for (const table of Array.from(document.querySelectorAll("table"))) {
      expect(table.querySelector("caption")?.textContent).toBeTruthy();
      expect(table.querySelectorAll("th[scope=col]").length).toBeGreaterThan(1);
      const columns = table.querySelectorAll("thead th").length;
      for (const row of Array.from(table.querySelectorAll("tbody tr"))) {
        expect(row.children).toHaveLength(columns);
      }
      expect(table.parentElement!.getAttribute("tabindex")).toBe("0");
    }
    const ids = Array.from(document.querySelectorAll("[id]"), (e) => e.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const section of Array.from(document.querySelectorAll("section"))) {
      expect(ids).toContain(section.getAttribute("aria-labelledby"));
    }
  });

  it("escapes what users name", () => {
    const text = reportPage(hostileReport());
    const document = parse(text);
    expect(document.querySelectorAll("script, img, [onerror]")).toHaveLength(0);
    expect(text).not.toContain("<script");
    expect(text).not.toContain("\u202e");
    expect(document.querySelector("h1")!.textContent).toBe(hostile.replace("\u202e", "\ufffd"));
    expect(document.querySelectorAll("figure")).toHaveLength(8);
  });

  const bare: ReportInput = { title: "bare", environment };
  const parts = ["model", "device", "tensors", "law", "plan", "comparison"] as const;
  it.each([
    ["nothing", []],
    ...parts.map((part) => [part, [part]] as const),
    ["a plan and its tensors", ["plan", "tensors"]],
    ["all but the comparison", ["model", "device", "tensors", "law", "plan"]],
  ] as const)("makes a report of %s", (_, present) => {
    const input = { ...bare, ...Object.fromEntries(present.map((part) => [part, sampleReport[part]])) };
    const text = reportPage(input);
    expect(parserChanges(text)).toBe("");
    expect(text).not.toMatch(/undefined|NaN|\[object/);
    const document = parse(text);
    expect(document.querySelector(".headline")!.textContent.length).toBeGreaterThan(20);
    expect(document.querySelector("#verification") !== null).toBe(
      (present as readonly string[]).includes("comparison"),
    );
  });

  it("shows flips that were given without a barrier", () => {
    const flips = { ...sampleReport.device!.flips, transmission: null, exactTransmission: null, rate: null };
    const text = reportPage({ ...bare, device: { name: null, flips: { ...flips, p01: 0, p10: 0.02 } } });
    expect(parse(text).querySelectorAll("figure")).toHaveLength(0);
    expect(text).toContain("a stored 1 as 0 with probability 0.02");
  });
});

describe("headline", () => {
  const changed = (tac: number, uniform: number, more = {}) =>
    comparisonHeadline({ ...sampleComparison, overheadAtTarget: { tac, "uniform-msp": uniform }, ...more });

  it.each([
    [1, 1, "No policy keeps"],
    [0, 0, "without any protection"],
    [0, 0.2, "without protecting a bit; Uniform-MSP needs 20 % overhead"],
    [0.3, 1, "Uniform-MSP does not keep it"],
    [1, 0.3, "TAC does not keep"],
  ])("speaks of TAC at %s and Uniform-MSP at %s", (tac, uniform, words) => {
    expect(changed(tac, uniform)).toContain(words);
  });

  it("speaks of answers where there are no labels, and leaves out an interval without an end", () => {
    expect(
      changed(0.1, 0.3, { measure: builtInMeasure("agreement").description, ratioInterval: [2, Infinity] }),
    ).toBe(
      "TAC keeps 95 % of the clean network's answers with 10 % overhead; Uniform-MSP needs 30 %: 3.8 times as much.",
    );
  });

  it("words every measure", () => {
    const comparison = (name: string, change: Partial<Comparison> = {}): ReportInput => ({
      title: "",
      environment,
      comparison: { ...sampleComparison, measure: builtInMeasure(name).description, ...change },
    });
    const expected = comparison("expected-accuracy");
    expect(headline(expected)).toContain("95 % of the clean expected accuracy");
    expect(reportPage(expected)).not.toContain("expected-accuracy");
    const snr = comparison("snr", { target: 13.01, clean: 144.5, saturationRatio: null, predicted: null });
    expect(headline(snr)).toContain("95 % of the outputs' signal power");
    const page = reportPage(snr);
    expect(page).toContain("SNR of the outputs (dB)");
    expect(page).toContain("target of 13 dB");
    expect(page).not.toMatch(/predicted|(mean|clean|↑) accuracy|Accuracy/);
  });

  it("says the most that the parts allow", () => {
    expect(headline({ title: "", environment, plan: samplePlan })).toMatch(/^The plan \(TAC, to keep 95 %/);
    const held = { mask: 0x80, code: "bch(63,45,3)", p01: 0, p10: 0 };
    const coded = {
      ...samplePlan,
      protection: "coded" as const,
      parityBits: 1234,
      overhead: 0.25,
      tensors: samplePlan.tensors.map((t) => ({
        ...t,
        segments: t.segments.map((s) => ({ ...s, codes: [held] })),
      })),
    };
    expect(headline({ title: "", environment, plan: coded })).toMatch(
      /by codes with 1,234 check bits: 25 % overhead\.$/,
    );
    expect(protectionWords(coded)).toContain("held by codes (bch(63,45,3))");
    expect(protectionWords(samplePlan)).toContain("ideal");
    expect(headline({ title: "", environment, tensors: sampleTensors })).toContain(
      "61,470 weights in 5 tensors",
    );
  });
});

describe("colours", () => {
  /** Relative luminance and contrast as WCAG 2 defines them. */
  function luminance(hex: string): number {
    const [r, g, b] = [1, 3, 5].map((i) => {
      const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  }
  const contrast = (a: string, b: string) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high! + 0.05) / (low! + 0.05);
  };

  it.each([
    ["light", theme.fallback],
    ["dark", theme.dark],
  ] as const)("have the contrast that small text needs in %s", (_, colours) => {
    for (const name of ["ink", "muted", "accent", "warm", "green", "violet"] as const) {
      expect(contrast(colours[name], colours.paper)).toBeGreaterThanOrEqual(4.5);
      expect(contrast(colours[name], colours.tint)).toBeGreaterThanOrEqual(4.5);
    }
  });
});

it("says why the curve of random bit planes is flat in places, where there is one", () => {
  expect(whole).toContain("its curve is flat while a plane that matters little is filled");
  const policies = sampleComparison.policies.filter(({ name }) => name !== "random");
  const without = reportPage({ ...sampleReport, comparison: { ...sampleComparison, policies } });
  expect(without).not.toContain("Random protects");
});
