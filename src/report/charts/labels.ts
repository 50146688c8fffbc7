/**
 * @file Places names beside curves instead of in a legend: for each curve the spot where its name is nearest to it and
 * farthest from the others.
 */

/** A point in CSS pixels. */
export type Point = readonly [x: number, y: number];

/** A rectangle in CSS pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A curve with a name. */
export interface NamedPath {
  readonly name: string;
  readonly points: readonly Point[];
}

/** Where a name stands: the middle of its left edge. */
export interface PlacedLabel {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

const letterWidth = 7.5;
const lineHeight = 14;
const spacing = 7;
/** Beyond this distance another curve no longer confuses. */
const clear = 36;

/** Points along a polyline, a few pixels apart. */
function walk(points: readonly Point[], step: number): Point[] {
  const found: Point[] = points.slice(0, 1);
  for (let i = 1; i < points.length; i++) {
    const [[x0, y0], [x1, y1]] = [points[i - 1]!, points[i]!];
    const parts = Math.max(1, Math.ceil(Math.hypot(x1 - x0, y1 - y0) / step));
    for (let k = 1; k <= parts; k++) found.push([x0 + ((x1 - x0) * k) / parts, y0 + ((y1 - y0) * k) / parts]);
  }
  return found;
}

/** Distance from a point to a box, 0 inside. */
function distance([x, y]: Point, { left, right, top, bottom }: Box): number {
  return Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
}

function isInside(box: Box, frame: Box): boolean {
  return (
    box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom
  );
}

/** Whether two boxes share a point inside. */
export function overlaps(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** Estimated width of a text of the charts' size, CSS pixels. */
export function estimatedWidth(text: string): number {
  return letterWidth * text.length;
}

/** The four boxes beside a point where a text could stand. */
function candidates([x, y]: Point, width: number): Box[] {
  const half = lineHeight / 2;
  return [spacing, -spacing - width].flatMap((dx) =>
    [-half - 3, half + 3].map((dy) => ({
      left: x + dx,
      right: x + dx + width,
      top: y + dy - half,
      bottom: y + dy + half,
    })),
  );
}

/**
 * Places the names of curves. A name that fits nowhere without covering another is left out.
 *
 * @param frame names stay inside
 * @param taken boxes that are occupied already
 */
export function placeLabels(
  paths: readonly NamedPath[],
  frame: Box,
  taken: readonly Box[] = [],
): PlacedLabel[] {
  const walked = paths.map(({ points }) => walk(points, 5));
  const occupied = [...taken];
  const placed: PlacedLabel[] = [];
  for (const [i, { name }] of paths.entries()) {
    const width = estimatedWidth(name);
    let best: { box: Box; cost: number } | undefined;
    for (const point of walked[i]!) {
      for (const box of candidates(point, width)) {
        if (!isInside(box, frame)) continue;
        if (occupied.some((other) => overlaps(box, other))) continue;
        const cost = crowding(box, walked, i);
        if (best === undefined || cost < best.cost - 1e-9) best = { box, cost };
      }
    }
    if (best === undefined) continue;
    occupied.push(best.box);
    placed.push({ name, x: best.box.left, y: (best.box.top + best.box.bottom) / 2 });
  }
  return placed;
}

/** A place where a text could stand. */
interface Place {
  readonly box: Box;
}

/**
 * The place of a text that belongs to a spot: where it covers least of curves, and nothing that is there already; of
 * equals the first.
 *
 * @param frame texts stay inside, where one of the places is
 * @param taken boxes that are occupied already
 */
export function leastCovering<T extends Place>(
  places: readonly [T, ...T[]],
  paths: readonly (readonly Point[])[],
  frame: Box,
  taken: readonly Box[] = [],
): T {
  const walked = paths.flatMap((points) => walk(points, 3));
  const costOf = ({ box }: T) =>
    walked.filter((point) => distance(point, box) < 2).length +
    100 * taken.filter((other) => overlaps(box, other)).length +
    (isInside(box, frame) ? 0 : 10_000);
  let best = { place: places[0], cost: costOf(places[0]) };
  for (const place of places.slice(1)) {
    const cost = costOf(place);
    if (cost < best.cost) best = { place, cost };
  }
  return best.place;
}

/** The box of a name that was placed. */
export function labelBox({ name, x, y }: PlacedLabel): Box {
  const half = lineHeight / 2;
  return { left: x, right: x + estimatedWidth(name), top: y - half, bottom: y + half };
}

/** The name of a single point, and the line that leads to it where it stands apart. */
export interface PointLabel extends PlacedLabel {
  readonly leader: readonly [from: Point, to: Point] | undefined;
}

/** Nearer than this a name needs no line to its point. */
const beside = 14;

/** Points so near to each other share a name. */
const together = 10;

/** Points with those that lie on or beside them under one name, "none, mean correction alone". */
export function namedTogether(
  points: readonly { readonly name: string; readonly spot: Point }[],
): { readonly name: string; readonly spot: Point }[] {
  const groups: { name: string; readonly spot: Point }[] = [];
  for (const { name, spot } of points) {
    const near = groups.find(
      (group) => Math.hypot(group.spot[0] - spot[0], group.spot[1] - spot[1]) < together,
    );
    if (near === undefined) groups.push({ name, spot });
    else near.name = `${near.name}, ${name}`;
  }
  return groups;
}

/**
 * Names single points: beside them, or farther off where that would cover what is drawn, with a line that leads to the
 * point.
 *
 * @param paths what is drawn
 * @param taken boxes that are occupied already
 */
export function namePoints(
  points: readonly { readonly name: string; readonly spot: Point }[],
  paths: readonly (readonly Point[])[],
  frame: Box,
  taken: readonly Box[] = [],
): PointLabel[] {
  const spots = points.map(({ spot }) => [spot]);
  const occupied = [...taken];
  return points.map(({ name, spot: [x, y] }) => {
    const width = estimatedWidth(name);
    const half = lineHeight / 2;
    const box = (left: number, middle: number) => ({
      box: { left, right: left + width, top: middle - half, bottom: middle + half },
    });
    const near = candidates([x, y], width).map((own) => ({ box: own }));
    const far = Array.from({ length: 24 }, (_, i) => 16 * (i + 1)).flatMap((dy) =>
      [10, 24, 44, 80, 130].flatMap((dx) => [box(x + dx, y + dy), box(x + dx, y - dy)]),
    );
    far.sort((a, b) => distance([x, y], a.box) - distance([x, y], b.box));
    const [first, ...rest] = [...near, ...far];
    const place = leastCovering([first!, ...rest], [...paths, ...spots], frame, occupied);
    occupied.push(place.box);
    const { left, top, bottom } = place.box;
    const middle = (top + bottom) / 2;
    const leader =
      distance([x, y], place.box) < beside
        ? undefined
        : ([
            [x, y],
            [left - 2, middle],
          ] as const);
    return { name, x: left, y: middle, leader };
  });
}

/** How badly a box stands: on its own curve, on or near others. */
function crowding(box: Box, walked: readonly (readonly Point[])[], own: number): number {
  let cost = 0;
  for (const [j, points] of walked.entries()) {
    let nearest = clear;
    for (const point of points) {
      const d = distance(point, box);
      if (d === 0) cost += j === own ? 2 : 6;
      nearest = Math.min(nearest, d);
    }
    if (j !== own) cost += clear - nearest;
  }
  return cost;
}
