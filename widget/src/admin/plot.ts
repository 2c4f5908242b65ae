/** Where the parts of a chart lie: scales, ticks and paths. Pure. */

interface Scale {
  (value: number): number;
}

/** From the values between `low` and `high` to the places between `from` and `to`. */
export function scale(low: number, high: number, from: number, to: number): Scale {
  const length = high - low || 1;
  return (value) => from + ((value - low) / length) * (to - from);
}

/** Round numbers from 0 to at least `most`, three to six of them: steps of 1, 2 or 5. */
export function ticks(most: number): readonly number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power;
  const made: number[] = [];
  for (let index = 0; index === 0 || (made.at(-1) ?? 0) < most * 0.999; index += 1) made.push(Number((index * step).toPrecision(12)));
  return made;
}

const DAY_S = 86_400;
const STEPS_S = [3600, 2 * 3600, 4 * 3600, 6 * 3600, 12 * 3600, DAY_S, 2 * DAY_S, 7 * DAY_S, 14 * DAY_S, 30 * DAY_S, 61 * DAY_S, 122 * DAY_S];

/** Moments between two, at most `most` of them, on whole hours or days of a place so many seconds ahead of UTC. */
export function moments(from: number, to: number, most: number, ahead: number): readonly number[] {
  const step = STEPS_S.find((size) => (to - from) / size <= most) ?? 365 * DAY_S;
  const made: number[] = [];
  for (let at = Math.ceil((from + ahead) / step) * step - ahead; at <= to; at += step) made.push(at);
  return made;
}

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** A line through places; it is broken where there is none, and a place that stands alone is a short stroke. */
export function line(places: readonly (Place | null)[]): string {
  const parts: string[] = [];
  let run: Place[] = [];
  const end = (): void => {
    const [first] = run;
    if (first && run.length === 1) parts.push(`M${near(first.x - 1)} ${near(first.y)}h2`);
    else if (first) parts.push(run.map(({ x, y }, index) => `${index ? "L" : "M"}${near(x)} ${near(y)}`).join(""));
    run = [];
  };
  for (const place of places) {
    if (place) run.push(place);
    else end();
  }
  end();
  return parts.join("");
}

/** The area between two lines, in as many pieces as there are runs without a gap. */
export function band(upper: readonly (Place | null)[], lower: readonly (Place | null)[]): string {
  const parts: string[] = [];
  let run: [Place, Place][] = [];
  const end = (): void => {
    if (run.length > 1) {
      const there = run.map(([place]) => place);
      const back = run.map(([, place]) => place).reverse();
      parts.push(`${line(there)}${line(back).replace("M", "L")}Z`);
    }
    run = [];
  };
  for (const [index, above] of upper.entries()) {
    const below = lower[index];
    if (above && below) run.push([above, below]);
    else end();
  }
  end();
  return parts.join("");
}

function near(value: number): number {
  return Math.round(value * 10) / 10;
}
