/** A chart of one matter over time: a picture with a sentence for who cannot see it, and its numbers in a table behind. */

import { draw, make, setText } from "../face/dom.js";
import { newId } from "../panel/parts.js";
import type { HistoryView, Point } from "./model.js";
import { band, line, moments, scale, ticks, type Place } from "./plot.js";
import { moment } from "./say.js";

export interface Series {
  readonly name: string;
  /** Stacked bars, a line, or the edges of a band around the line before. */
  readonly kind: "bar" | "line" | "low" | "high";
  readonly of: (point: Point) => number | null;
}

export interface About {
  readonly title: string;
  readonly series: readonly Series[];
  readonly write: (value: number) => string;
  /** The end of the scale, where it is always the same. */
  readonly top?: number;
  /** The whole in one sentence. */
  readonly sum: (points: readonly Point[]) => string;
}

const HEIGHT = 168;
const TOP = 10;
const BOTTOM = 24;
const DAY_S = 86_400;

export class Chart {
  readonly element: HTMLElement;
  readonly #about: About;
  readonly #sum = make("p", { class: "quiet" });
  readonly #plot = make("div", { class: "plot", dir: "ltr" });
  readonly #table = make("div", { class: "table", tabindex: "0", role: "region" });
  readonly #fold: HTMLDetailsElement;
  #view: HistoryView | undefined;

  constructor(about: About) {
    this.#about = about;
    const id = newId();
    this.#table.setAttribute("aria-labelledby", id);
    this.#fold = make("details", { class: "fold" }, make("summary", {}, "As a table"), this.#table);
    this.#fold.addEventListener("toggle", () => this.#tell());
    const legend = about.series.filter(({ kind }) => kind !== "low" && kind !== "high");
    const names = legend.map(({ name, kind }, index) => make("li", { class: `s${index} ${kind}` }, name));
    const children = names.length > 1 ? [make("ul", { class: "legend" }, ...names)] : [];
    this.element = make("figure", {}, make("figcaption", { id }, make("h3", {}, about.title), this.#sum), ...children, this.#plot, this.#fold);
    new ResizeObserver(() => this.#draw()).observe(this.#plot);
  }

  render(view: HistoryView): void {
    this.#view = view;
    setText(this.#sum, view.points.length ? this.#about.sum(view.points) : "Nothing was kept of this time yet.");
    this.#draw();
    this.#tell();
  }

  #draw(): void {
    const width = this.#plot.clientWidth;
    if (!this.#view || width < 60) return;
    this.#plot.replaceChildren(picture(this.#about, this.#view, width));
  }

  #tell(): void {
    if (!this.#view || !this.#fold.open) return;
    const head = make("tr", {}, make("th", { scope: "col" }, "From"), ...this.#about.series.map(({ name }) => make("th", { scope: "col" }, name)));
    const rows = [...this.#view.points].reverse().map((point) => {
      const cells = this.#about.series.map(({ of }) => {
        const value = of(point);
        return make("td", {}, value === null ? "–" : this.#about.write(value));
      });
      return make("tr", {}, make("th", { scope: "row" }, moment(point.at_s)), ...cells);
    });
    this.#table.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
  }
}

const LENGTHS_S = { day: DAY_S, month: 31 * DAY_S, year: 366 * DAY_S };

function picture({ title, series, write, top, sum }: About, view: HistoryView, width: number): SVGElement {
  const { points, step_s: step, at_s: to } = view;
  const from = to - LENGTHS_S[view.span];
  const bars = series.filter(({ kind }) => kind === "bar");
  const others = series.filter(({ kind }) => kind !== "bar");
  const values = points.flatMap((point) => [...others.map(({ of }) => of(point) ?? 0), bars.reduce((total, { of }) => total + (of(point) ?? 0), 0)]);
  const marks = ticks(top ?? Math.max(0, ...values));
  const most = marks.at(-1) ?? 1;
  const labels = marks.map(write);
  const left = 12 + 7 * Math.max(...labels.map((label) => label.length));
  const x = scale(from, to, left, width - 8);
  const y = scale(0, most, HEIGHT - BOTTOM, TOP);
  const base = HEIGHT - BOTTOM;
  const parts: SVGElement[] = [];
  for (const [index, mark] of marks.entries()) {
    parts.push(draw("path", { class: "grid", d: `M${left} ${Math.round(y(mark)) + 0.5}H${width - 8}` }));
    parts.push(words(labels[index] ?? "", left - 6, y(mark) + 4, "end"));
  }
  const ahead = -60 * new Date(to * 1000).getTimezoneOffset();
  for (const at of moments(from, to, Math.max(2, Math.floor((width - left) / 72)), ahead)) {
    const place = x(at);
    if (place > left + 18 && place < width - 24) parts.push(words(time(at, view), place, HEIGHT - 6, "middle"));
  }
  const thick = Math.max(1, (x(step) - x(0)) * 0.8);
  for (const point of points) {
    let below = 0;
    for (const [index, { of }] of bars.entries()) {
      const value = of(point) ?? 0;
      if (value <= 0) continue;
      const [foot, head] = [y(below), y(below + value)];
      // What began before the picture does is cut there.
      const start = Math.max(left, x(point.at_s));
      parts.push(draw("rect", { class: `bar s${index}`, x: start.toFixed(1), y: head.toFixed(1), width: thick.toFixed(1), height: Math.max(0.5, foot - head).toFixed(1) }));
      below += value;
    }
  }
  const row = (of: Series["of"]): readonly (Place | null)[] => {
    const made: (Place | null)[] = [];
    let before: number | undefined;
    for (const point of points) {
      if (before !== undefined && point.at_s - before > step * 1.5) made.push(null);
      before = point.at_s;
      const value = of(point);
      const middle = Math.min(width - 8, Math.max(left, x(point.at_s + step / 2)));
      made.push(value === null ? null : { x: middle, y: y(value) });
    }
    return made;
  };
  const low = series.find(({ kind }) => kind === "low");
  const high = series.find(({ kind }) => kind === "high");
  if (low && high) parts.push(draw("path", { class: "band", d: band(row(high.of), row(low.of)) }));
  for (const [index, { of }] of series.filter(({ kind }) => kind === "line").entries()) parts.push(draw("path", { class: `line s${index}`, d: line(row(of)) }));
  parts.push(draw("path", { class: "axis", d: `M${left} ${base + 0.5}H${width - 8}` }));
  const name = `${title}. ${points.length ? sum(points) : "Nothing was kept of this time yet."}`;
  return draw("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width: String(width), height: String(HEIGHT), role: "img", "aria-label": name }, ...parts);
}

function words(text: string, x: number, y: number, anchor: string): SVGElement {
  const made = draw("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor });
  made.textContent = text;
  return made;
}

function time(at: number, { span }: HistoryView): string {
  const options = {
    day: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
    month: { day: "numeric", month: "short" },
    year: { day: "numeric", month: "short" },
  } as const;
  return new Intl.DateTimeFormat("en", options[span]).format(at * 1000);
}
