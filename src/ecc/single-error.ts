/**
 * @file Codes that correct one error (Hamming) and notice two (Hsiao).
 */
import { QtamlError } from "../errors.ts";
import { numbersTo, systematic, type WordCode, type WordReading } from "./code.ts";

function bitCount(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest &= rest - 1) count++;
  return count;
}

/**
 * Codes that correct one error: the column of each bit in the parity equations is different. SECDED takes columns of
 * odd weight (Hsiao, "A class of optimal minimum odd-weight-column SEC-DED codes", 1970), so that two errors never look
 * like one.
 */
export function singleError(family: "sec" | "secded", wordBits: number, dataBits: number): WordCode {
  const name = `${family}(${wordBits},${dataBits})`;
  const checkBits = wordBits - dataBits;
  const isAllowed = (column: number) => {
    const weight = bitCount(column);
    return weight > 1 && (family === "sec" || weight % 2 === 1);
  };
  const candidates = checkBits > 0 && checkBits <= 12 ? numbersTo(2 ** checkBits).filter(isAllowed) : [];
  candidates.sort((a, b) => bitCount(a) - bitCount(b) || a - b);
  if (dataBits < 1 || candidates.length < dataBits) {
    throw new QtamlError(
      "invalid-argument",
      `${name} does not exist: ${checkBits} check bits are too few or too many for ${dataBits} data bits; secded(72,64), secded(39,32), secded(22,16) and secded(13,8) are usual.`,
    );
  }
  const columns = [...candidates.slice(0, dataBits), ...numbersTo(checkBits).map((i) => 1 << i)];
  const checks = numbersTo(checkBits).map((i) =>
    numbersTo(wordBits).filter((j) => ((columns[j]! >> i) & 1) === 1),
  );
  const place = new Map(columns.map((column, j) => [column, j]));
  const decode = (word: Uint8Array): WordReading => {
    const data = word.slice(0, dataBits);
    const syndrome = word.reduce((sum, bit, j) => (bit === 1 ? sum ^ columns[j]! : sum), 0);
    if (syndrome === 0) return { data, status: "clean" };
    const error = place.get(syndrome);
    if (error === undefined) return { data, status: "uncorrectable" };
    if (error < dataBits) data[error]! ^= 1;
    return { data, status: "corrected" };
  };
  const dataPositions = numbersTo(dataBits);
  const encode = systematic(wordBits, dataPositions, checks);
  return {
    name,
    family,
    wordBits,
    dataBits,
    corrects: 1,
    detects: family === "sec" ? 1 : 2,
    dataPositions,
    checks,
    parameters: {},
    encode,
    decode,
  };
}
