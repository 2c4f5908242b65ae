/** The past: charts of the last day, month or year. */

import { make, setText } from "../face/dom.js";
import { card } from "../panel/parts.js";
import type { Api } from "./api.js";
import { Chart, type About } from "./chart.js";
import type { HistoryView, Point, Span } from "./model.js";
import { bytes, count, mean, percent, plural, seconds } from "./say.js";

const SPANS: Readonly<Record<Span, string>> = { day: "Day", month: "Month", year: "Year" };

function total(points: readonly Point[], of: (point: Point) => number): number {
  return points.reduce((sum, point) => sum + of(point), 0);
}

/** The mean of what was there while the operator ran. */
function lasting(points: readonly Point[], of: (point: Point) => number): number {
  const whole = total(points, ({ up_s: up }) => up);
  return whole > 0 ? total(points, (point) => of(point) * point.up_s) / whole : 0;
}

const asked = ({ ok, none, failed }: Point): number => ok + none + failed;

const CHARTS: readonly About[] = [
  {
    title: "Bridges at once",
    write: mean,
    series: [
      { name: "On average", kind: "line", of: ({ bridges }) => bridges },
      { name: "At least", kind: "low", of: ({ bridges_least: least }) => least },
      { name: "At most", kind: "high", of: ({ bridges_most: most }) => most },
    ],
    sum: (points) => `${mean(lasting(points, ({ bridges }) => bridges))} on average, ${count(Math.max(...points.map(({ bridges_most: most }) => most)))} at most.`,
  },
  {
    title: "Readers’ requests",
    write: count,
    series: [
      { name: "Got a bridge", kind: "bar", of: ({ ok }) => ok },
      { name: "None fitted", kind: "bar", of: ({ none }) => none },
      { name: "None answered", kind: "bar", of: ({ failed }) => failed },
    ],
    sum: (points) => {
      const [all, ok] = [total(points, asked), total(points, ({ ok: got }) => got)];
      return all ? `${plural(all, "request")}, ${percent(ok / all)} of them got a bridge.` : "No requests, or fewer than ten at a time.";
    },
  },
  {
    title: "Requests that got a bridge",
    write: percent,
    top: 1,
    series: [{ name: "Success", kind: "line", of: ({ success }) => success }],
    sum: (points) => {
      const worst = Math.min(...points.flatMap(({ success }) => (success === null ? [] : [success])));
      return Number.isFinite(worst) ? `${percent(worst)} at worst.` : "Nobody asked.";
    },
  },
  {
    title: "Time to a bridge",
    write: (value) => (value === 0 ? "0 s" : seconds(value)),
    series: [
      { name: "Half of them", kind: "line", of: ({ connect_p50_s: half }) => half },
      { name: "Nine of ten", kind: "line", of: ({ connect_p90_s: most }) => most },
    ],
    sum: (points) => {
      const worst = Math.max(...points.flatMap(({ connect_p90_s: most }) => (most === null ? [] : [most])));
      return Number.isFinite(worst) ? `Nine of ten within ${seconds(worst)} at worst.` : "Nobody asked.";
    },
  },
  {
    title: "Carried",
    write: bytes,
    series: [
      { name: "To readers", kind: "bar", of: ({ down_bytes: down }) => down },
      { name: "From readers", kind: "bar", of: ({ up_bytes: up }) => up },
    ],
    sum: (points) => `${bytes(total(points, ({ up_bytes: up, down_bytes: down }) => up + down))} in all.`,
  },
  {
    title: "Readers at once, at most",
    write: count,
    series: [{ name: "Sessions", kind: "bar", of: ({ sessions_most: most }) => most }],
    sum: (points) => `${count(Math.max(...points.map(({ sessions_most: most }) => most)))} at most.`,
  },
];
const PEOPLE: About = {
  title: "Different readers each day",
  write: count,
  series: [{ name: "Readers", kind: "bar", of: ({ people }) => people }],
  sum: (points) => `${count(Math.max(...points.map(({ people }) => people)))} on the best day; counted to about 2 %, in tens.`,
};

export class Past {
  readonly element: HTMLElement;
  readonly #api: Api;
  readonly #lost: (error: unknown) => void;
  readonly #charts = CHARTS.map((about) => new Chart(about));
  readonly #people = new Chart(PEOPLE);
  readonly #note = make("p", { class: "note", role: "status" });
  #span: Span = "day";
  #asked = 0;

  constructor(api: Api, lost: (error: unknown) => void) {
    this.#api = api;
    this.#lost = lost;
    const choices = Object.entries(SPANS).map(([span, name]) => {
      const radio = make("input", { type: "radio", name: "span", value: span, ...(span === "day" ? { checked: "" } : {}) });
      radio.addEventListener("change", () => {
        this.#span = span as Span;
        void this.load();
      });
      return make("label", {}, radio, make("span", {}, name));
    });
    const pick = make("fieldset", { class: "pick" }, make("legend", { class: "hidden" }, "How far back"), ...choices);
    this.#people.element.hidden = true;
    const charts = [...this.#charts, this.#people].map(({ element }) => element);
    this.element = card("past", "History", pick, this.#note, make("div", { class: "charts" }, ...charts));
  }

  async load(): Promise<void> {
    this.#asked += 1;
    const mine = this.#asked;
    try {
      const view = await this.#api.get<HistoryView>(`history?span=${this.#span}`);
      // Another span may have been chosen meanwhile.
      if (mine === this.#asked) this.#render(view);
    } catch (error) {
      if (mine === this.#asked) this.#lost(error);
    }
  }

  #render(view: HistoryView): void {
    setText(this.#note, view.trouble);
    for (const chart of this.#charts) chart.render(view);
    this.#people.element.hidden = view.span !== "year";
    this.#people.render(view);
  }
}
