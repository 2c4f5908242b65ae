/** The speed of the last two minutes, and the shape that it has as a picture. Pure. */

export const SPAN_MS = 120_000;
/** Between two samples that are further apart nothing is known. */
const GAP_MS = 5_000;

export interface Sample {
  /** Of a clock that never goes back. */
  readonly at: number;
  readonly down: number;
  readonly up: number;
}

export class SpeedHistory {
  #samples: Sample[] = [];

  add(sample: Sample): void {
    const last = this.#samples.at(-1);
    // What comes in between says the same once more.
    if (last && sample.at - last.at < 500) return;
    this.#samples.push(sample);
    this.#samples = this.#samples.filter(({ at }) => at >= sample.at - SPAN_MS);
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }
}

/** The next of 1, 2, 5, 10, 20, 50… kbit/s: a scale that seldom changes. */
export function top(samples: readonly Sample[]): number {
  const most = Math.max(0, ...samples.map(({ down, up }) => Math.max(down, up)));
  let scale = 100_000;
  for (let step = 0; scale < most && step < 40; step += 1) scale *= step % 3 === 1 ? 2.5 : 2;
  return scale;
}

export interface Frame {
  readonly width: number;
  readonly height: number;
  /** When the right edge is. */
  readonly now: number;
  /** Bits per second at the upper edge. */
  readonly top: number;
}

/** A line through the values, in parts where nothing is known between; `filled` goes down to the ground. */
export function trace(samples: readonly Sample[], value: (sample: Sample) => number, frame: Frame, filled: boolean): string {
  const x = ({ at }: Sample): string => round(frame.width * (1 - (frame.now - at) / SPAN_MS));
  const y = (sample: Sample): string => round(frame.height * (1 - Math.min(1, value(sample) / frame.top)));
  return parts(samples)
    .map((part) => {
      const line = part.map((sample) => `${x(sample)} ${y(sample)}`).join("L");
      const [first, last] = [part[0], part.at(-1)];
      if (!first || !last) return "";
      return filled ? `M${x(first)} ${frame.height}L${line}L${x(last)} ${frame.height}Z` : `M${line}`;
    })
    .join("");
}

function parts(samples: readonly Sample[]): Sample[][] {
  const found: Sample[][] = [];
  for (const sample of samples) {
    const part = found.at(-1);
    const last = part?.at(-1);
    if (part && last && sample.at - last.at <= GAP_MS) part.push(sample);
    else found.push([sample]);
  }
  return found;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
