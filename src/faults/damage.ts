/**
 * @file The faults of one chip as they come together: an XOR pattern a weight, and which weights may have one.
 */
import { codeArray, type Codes, type FaultList } from "../channel/index.ts";

/** Codes of one tensor in the memory. */
export interface StoredCodeArray {
  /** [n] what was written. */
  readonly codes: Codes;
  readonly bits: number;
}

/** Faults of a tensor. Reused from chip to chip. */
export class TensorDamage {
  /** [n] XOR patterns; zero where the weight is read as it was written. */
  readonly patterns: Codes;
  readonly #codes: Codes;
  #touched = new Uint32Array(64);
  #count = 0;
  #isDense = false;

  /** @param stored the codes as they were written, and their width */
  constructor({ codes, bits }: StoredCodeArray) {
    this.#codes = codes;
    this.patterns = codeArray(bits, codes.length);
  }

  /**
   * Weights whose pattern may be other than zero, in no order and perhaps more than once; undefined when too many
   * were hit to keep a list.
   */
  get touched(): Uint32Array | undefined {
    return this.#isDense ? undefined : this.#touched.subarray(0, this.#count);
  }

  /** Forgets all faults. */
  clear(): void {
    if (this.#isDense) this.patterns.fill(0);
    else for (let i = 0; i < this.#count; i++) this.patterns[this.#touched[i]!] = 0;
    this.#count = 0;
    this.#isDense = false;
  }

  /** Hands out the patterns to be overwritten as a whole. */
  overwrite(): Codes {
    this.#isDense = true;
    return this.patterns;
  }

  /** Takes the faults of a list, after `clear`. @param faults indices of weights, and XOR patterns */
  take({ indices, patterns }: FaultList): void {
    for (let i = 0; i < indices.length; i++) {
      this.patterns[indices[i]!] = patterns[i]!;
      this.#note(indices[i]!);
    }
  }

  /** What a bit would be read as now. */
  read(weight: number, bit: number): number {
    return ((this.#codes[weight]! ^ this.patterns[weight]!) >>> bit) & 1;
  }

  /** Flips a bit once more. */
  flip(weight: number, bit: number): void {
    this.patterns[weight]! ^= 1 << bit;
    this.#note(weight);
  }

  #note(weight: number): void {
    if (this.#isDense) return;
    if (this.#count === this.#touched.length) {
      // A list as long as an eighth of the weights saves nothing.
      if (8 * this.#count >= this.patterns.length) {
        this.#isDense = true;
        return;
      }
      const grown = new Uint32Array(2 * this.#count);
      grown.set(this.#touched);
      this.#touched = grown;
    }
    this.#touched[this.#count++] = weight;
  }
}
