/**
 * @file A budget of protected bits spent on tensors that can each be stored in several ways: a multiple-choice knapsack
 * whose items may be divided between two ways.
 */

/** One way to store an item. */
export interface StorageChoice {
  /** Protected bits that it takes. */
  readonly bits: number;
  /** Predicted output error that it leaves. */
  readonly noise: number;
}

/** How an item is stored: a share of it in one way, the rest in another. */
export interface ChosenStorage {
  /** Index of the choice of most of the item, or all of it. */
  readonly base: number;
  /** Index of the choice of the rest, which protects more; that of `base` where the item is not divided. */
  readonly upper: number;
  /** Share of the item that is stored by `upper`, from 0 up to but without 1. */
  readonly share: number;
}

/** What a budget buys. */
export interface ChoiceAllocation {
  /** What was chosen, in the order of the tensors. */
  readonly items: readonly ChosenStorage[];
  /** Squared output error left. */
  readonly noise: number;
  /** Fall of the noise per further bit; 0 where nothing is left to buy. */
  readonly marginalValue: number;
}

/**
 * The choices on the lower convex hull of noise over bits, by rising bits and falling noise: all others are beaten by a
 * mixture of two of these.
 *
 * @returns their indices
 */
export function convexChoices(choices: readonly StorageChoice[]): number[] {
  const order = Array.from(choices.keys()).sort(
    (a, b) => choices[a]!.bits - choices[b]!.bits || choices[a]!.noise - choices[b]!.noise,
  );
  const slope = (a: number, b: number) =>
    (choices[a]!.noise - choices[b]!.noise) / (choices[b]!.bits - choices[a]!.bits);
  const hull: number[] = [];
  for (const next of order) {
    if (hull.length > 0 && choices[next]!.noise >= choices[hull.at(-1)!]!.noise) continue;
    while (hull.length > 1 && slope(hull.at(-2)!, hull.at(-1)!) <= slope(hull.at(-1)!, next)) hull.pop();
    hull.push(next);
  }
  return hull;
}

/**
 * Spends a budget where a bit lowers the noise most. Moves from choice to choice along each item's hull are taken by
 * falling gain per bit, the last one for the share of its item that still fits. Because items may be divided, that is the
 * optimum of the linear programme, and no allocation of the budget, divided or not, leaves less.
 *
 * @param items the choices of each; the cheapest of each must fit the budget together
 * @param budget protected bits
 */
export function allocateChoices(
  items: readonly (readonly StorageChoice[])[],
  budget: number,
): ChoiceAllocation {
  const hulls = items.map(convexChoices);
  const moves = items.flatMap((choices, item) =>
    hulls[item]!.slice(1).map((to, i) => {
      const from = hulls[item]![i]!;
      const bits = choices[to]!.bits - choices[from]!.bits;
      return { item, to, bits, gain: (choices[from]!.noise - choices[to]!.noise) / bits };
    }),
  );
  moves.sort((a, b) => b.gain - a.gain || a.item - b.item || a.bits - b.bits);
  const chosen = hulls.map((hull): ChosenStorage => ({ base: hull[0]!, upper: hull[0]!, share: 0 }));
  let noise = chosen.reduce((sum, { base }, item) => sum + items[item]![base]!.noise, 0);
  let left = chosen.reduce((rest, { base }, item) => rest - items[item]![base]!.bits, budget);
  for (const { item, to, bits, gain } of moves) {
    const share = Math.max(0, Math.min(1, left / bits));
    noise -= share * bits * gain;
    left -= share * bits;
    if (share < 1) {
      if (share > 0) chosen[item] = { base: chosen[item]!.base, upper: to, share };
      return { items: chosen, noise, marginalValue: gain };
    }
    chosen[item] = { base: to, upper: to, share: 0 };
  }
  return { items: chosen, noise, marginalValue: 0 };
}
