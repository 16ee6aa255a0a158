/** One value at one point of an axis. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** How much more than at first is still the same. */
const BENT = 2;

/** Where a curve bends: the last point before its value is more than twice the first one's; undefined where it never is. */
export function kneeOf(points: readonly Point[]): Point | undefined {
  const [first] = points;
  const beyond = points.findIndex(({ y }) => y > first!.y * BENT);
  return beyond === -1 ? undefined : points[beyond - 1];
}
