/**
 * @file Addressed random streams. A stream is named by (seed, trial, tensor, block); whoever asks for it, in whatever
 * order and on whatever machine, gets the same numbers.
 *
 * The 64-bit seed is the key of Philox4x32-10, (tensor, trial, block) its counter, and the 128 bits that come out are
 * the first state of a xoshiro128** generator (Blackman and Vigna, 2021), which then runs fast through one block.
 * - Two addresses of one seed never start in the same state, because Philox is a bijection of counters (the one
 *   forbidden state, zero, is mapped to a fixed other one: probability 2^-128).
 * - Two streams could still overlap, since all states lie on one cycle of length 2^128 - 1. With starts that are
 *   random to any practical test, N streams of length L overlap somewhere with probability below N^2 L / 2^128. A
 *   block draws fewer than 2^20 numbers, so a campaign of 2^40 blocks (2^54 weights) stays below 2^-28.
 * - Different seeds are different keys: their streams are as independent as Philox's outputs are.
 */

import { QtamlError } from "../errors.ts";
import { philox4x32 } from "./philox.ts";

/** Names one draw of faults: the same address always gives the same faults. */
export interface FlipAddress {
  /** 64 bits; a number must be a whole number from 0 to 2^53 - 1. */
  readonly seed: number | bigint;
  /** The chip: 0 to 2^32 - 1. */
  readonly trial: number;
  /** The tensor's ordinal in the memory: 0 to 2^32 - 1. */
  readonly tensor: number;
}

/**
 * The streams of one address: a function from a block number (0 to 2^32 - 1) to the state [4] of its generator, for
 * `nextUint32`. Each call makes a fresh state.
 * @param purpose 0 to 2^32 - 1: streams of different purposes never share a start.
 * @throws QtamlError invalid-argument if a part of the address is out of range.
 */
export function addressedStreams(address: FlipAddress, purpose = 0): (block: number) => Int32Array {
  const key = seedKey(address.seed);
  const place = Uint32Array.of(
    word("tensor", address.tensor),
    word("trial", address.trial),
    0,
    word("purpose", purpose),
  );
  const counter = new Uint32Array(4);
  return (block) => {
    counter.set(place);
    counter[2] = word("block", block);
    philox4x32(key, counter, counter);
    const state = Int32Array.from(counter);
    if (state.every((w) => w === 0)) state[0] = 1;
    return state;
  };
}

/**
 * The next 32 bits of xoshiro128**.
 * @param state [4] is advanced
 * @returns a whole number from 0 to 2^32 - 1
 */
export function nextUint32(state: Int32Array): number {
  const s1 = state[1]!;
  const scrambled = Math.imul(s1, 5);
  const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
  const s2 = state[2]! ^ state[0]!;
  const s3 = state[3]! ^ s1;
  state[1] = s1 ^ s2;
  state[0] = state[0]! ^ s3;
  state[2] = s2 ^ (s1 << 9);
  state[3] = (s3 << 11) | (s3 >>> 21);
  return result >>> 0;
}

/** A uniform number in (0, 1]: a multiple of 2^-53, from 53 bits of the stream. */
export function nextUniform(state: Int32Array): number {
  const high = nextUint32(state) >>> 5;
  const low = nextUint32(state) >>> 6;
  return (high * 2 ** 26 + low + 1) * 2 ** -53;
}

/** A standard normal number, by the polar method (Marsaglia and Bray, 1964); its pair is dropped. */
export function nextNormal(state: Int32Array): number {
  for (;;) {
    const u = 2 * nextUniform(state) - 1;
    const v = 2 * nextUniform(state) - 1;
    const s = u * u + v * v;
    if (s > 0 && s < 1) return u * Math.sqrt((-2 * Math.log(s)) / s);
  }
}

function seedKey(seed: number | bigint): Uint32Array {
  const whole =
    typeof seed === "bigint" ? seed >= 0n && seed < 2n ** 64n : Number.isSafeInteger(seed) && seed >= 0;
  if (!whole) {
    throw new QtamlError(
      "invalid-argument",
      `Seed ${seed} is not a whole number from 0 to 2^64 - 1: give one.`,
    );
  }
  const big = BigInt(seed);
  return Uint32Array.of(Number(big & 0xffffffffn), Number(big >> 32n));
}

function word(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw new QtamlError(
    "invalid-argument",
    `The ${name} number ${value} of a random stream is out of range: give a whole number from 0 to 2^32 - 1.`,
  );
}
