/** @file Tables of chips as CSV, JSON Lines and Parquet. */
import { parquetWriteBuffer, type BasicType } from "hyparquet-writer";
import type { ChipColumn } from "../campaign/index.ts";
import type { ChipFormat } from "./choices.ts";

const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function rowsOf(columns: readonly ChipColumn[]): (string | number | boolean)[][] {
  const count = columns[0]?.data.length ?? 0;
  return Array.from({ length: count }, (_, i) => columns.map(({ data }) => data[i]!));
}

/** As RFC 4180 has it, with line feeds alone; numbers give the same bits back. */
function toCsv(columns: readonly ChipColumn[]): string {
  const lines = rowsOf(columns).map((row) => row.map((cell) => quoted(String(cell))).join(","));
  return `${[columns.map(({ name }) => name).join(","), ...lines].join("\n")}\n`;
}

/** An object a line; JSON has no word for what is not finite, which is null. */
function toJsonLines(columns: readonly ChipColumn[]): string {
  return rowsOf(columns)
    .map((row) => `${JSON.stringify(Object.fromEntries(columns.map(({ name }, c) => [name, row[c]])))}\n`)
    .join("");
}

const parquetTypes: Readonly<Record<ChipColumn["type"], BasicType>> = {
  integer: "INT32",
  number: "DOUBLE",
  text: "STRING",
  flag: "BOOLEAN",
};

/** The table in a format. */
export function formatChips(columns: readonly ChipColumn[], format: ChipFormat): string | Uint8Array {
  if (format === "csv") return toCsv(columns);
  if (format === "jsonl") return toJsonLines(columns);
  const columnData = columns.map(({ name, type, data }) => ({
    name,
    data: [...data],
    type: parquetTypes[type],
    nullable: false,
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}
