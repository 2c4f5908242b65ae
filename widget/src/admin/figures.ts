/** The live figures: what matters large, what explains it small. */

import { make, setText } from "../face/dom.js";
import { card, newId } from "../panel/parts.js";
import type { Counts, LiveView, Requests } from "./model.js";
import { bytes, count, country, percent, plural, rate, refusal, seconds, sorted, span, word } from "./say.js";

interface Tile {
  readonly name: string;
  readonly large: (live: LiveView) => string;
  readonly small: (live: LiveView) => string;
}

const TILES: readonly Tile[] = [
  {
    name: "Bridges",
    large: ({ bridges }) => count(bridges.connected),
    small: ({ bridges }) => `${count(bridges.with_room)} with room; in the last hour ${count(bridges.came_hour)} came, ${count(bridges.went_hour)} went`,
  },
  {
    name: "Readers served now",
    large: ({ gateway }) => count(gateway.sessions),
    small: ({ gateway }) => `over ${plural(gateway.lanes, "lane")}; ${plural(gateway.streams, "open connection")} to sites`,
  },
  {
    name: "Requests that got a bridge",
    large: ({ readers }) => percent(readers.hour.success),
    small: ({ readers }) => (readers.hour.success === null ? "nobody asked in the last hour" : `of the last hour; over the day ${percent(readers.day.success)}`),
  },
  {
    name: "Time to a bridge",
    large: ({ readers }) => seconds((readers.hour.connecting ?? readers.day.connecting)?.p50_s ?? null),
    small: ({ readers }) => {
      const told = readers.hour.connecting ?? readers.day.connecting;
      return told ? `for half of them; nine of ten within ${seconds(told.p90_s)}` : "nobody got one in the last day";
    },
  },
  {
    name: "Carried now",
    large: ({ traffic }) => rate(traffic.up_bps + traffic.down_bps),
    small: ({ traffic }) => `most in a day ${rate(traffic.peak_bps)}; ${bytes(traffic.up_day_bytes + traffic.down_day_bytes)} in a day`,
  },
  {
    name: "This machine",
    large: ({ machine }) => bytes(machine.memory_bytes),
    small: ({ machine }) =>
      [
        "of memory",
        machine.processor_share === null ? "" : `${percent(machine.processor_share)} of a core`,
        `${count(machine.descriptors)} of ${count(machine.max_descriptors)} open files`,
        machine.disk_free_bytes === null ? "" : `${bytes(machine.disk_free_bytes)} of disk left`,
      ]
        .filter((text) => text !== "")
        .join("; "),
  },
];

export class Figures {
  readonly element: HTMLElement;
  readonly #shown = TILES.map((tile) => ({ tile, large: make("dd", {}), small: make("dd", { class: "small" }) }));

  constructor() {
    const tiles = this.#shown.map(({ tile, large, small }) => make("div", {}, make("dt", {}, tile.name), large, small));
    this.element = make("dl", { class: "tiles" }, ...tiles);
  }

  render(live: LiveView): void {
    for (const { tile, large, small } of this.#shown) {
      setText(large, tile.large(live));
      setText(small, tile.small(live));
    }
  }
}

/** Counts with bars, the largest first. */
class Shares {
  readonly element: HTMLElement;
  readonly #list = make("ul", { class: "shares" });
  readonly #none = make("p", { class: "quiet" });
  readonly #say: (code: string) => string;
  #shown = "";

  constructor(title: string, none: string, say: (code: string) => string = word) {
    const id = newId();
    this.#none.textContent = none;
    this.#list.setAttribute("aria-labelledby", id);
    this.#say = say;
    this.element = make("div", { class: "breakdown" }, make("h3", { id }, title), this.#list, this.#none);
  }

  render(counts: Counts): void {
    const shown = JSON.stringify(counts);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const rows = sorted(counts);
    const most = Math.max(1, ...rows.map(([, value]) => value));
    this.#none.hidden = rows.length > 0;
    this.#list.hidden = rows.length === 0;
    this.#list.replaceChildren(
      ...rows.map(([code, value]) => {
        const bar = make("span", { class: "share", "aria-hidden": "true" });
        // By script: the page's policy allows no style in markup.
        bar.style.setProperty("--share", String(value / most));
        return make("li", {}, make("span", { class: "what" }, this.#say(code)), make("b", {}, count(value)), bar);
      }),
    );
  }
}

export class Bridges {
  readonly element: HTMLElement;
  readonly #kind = new Shares("By kind", "No bridge is connected.");
  readonly #nat = new Shares("By their network", "No bridge is connected.");
  readonly #country = new Shares("By country", "No country has five bridges, or there is no file of countries (--countries).", country);

  constructor() {
    const parts = make("div", { class: "breakdowns" }, this.#kind.element, this.#nat.element, this.#country.element);
    this.element = card("bridges", "Bridges", parts);
  }

  render({ bridges }: LiveView): void {
    this.#kind.render(bridges.kind);
    this.#nat.render(bridges.nat);
    this.#country.render(bridges.country);
  }
}

const SPANS: readonly (readonly [string, (live: LiveView) => Requests])[] = [
  ["5 minutes", ({ readers }) => readers.minutes],
  ["Hour", ({ readers }) => readers.hour],
  ["Day", ({ readers }) => readers.day],
];
const COLUMNS: readonly (readonly [string, (requests: Requests) => string])[] = [
  ["Got a bridge", ({ ok }) => count(ok)],
  ["None fitted", ({ none }) => count(none)],
  ["None answered", ({ failed }) => count(failed)],
  ["Left", ({ gone }) => count(gone)],
  ["Turned away", ({ refused }) => count(refused)],
  ["Success", ({ success }) => percent(success)],
  ["Time: half", ({ connecting }) => seconds(connecting?.p50_s ?? null)],
  ["9 of 10", ({ connecting }) => seconds(connecting?.p90_s ?? null)],
];

export class Readers {
  readonly element: HTMLElement;
  readonly #body = make("tbody", {});
  readonly #why = new Shares("Turned away in the last day", "Nobody was turned away.");
  readonly #offers = new Shares("Offers that bridges refused in the last day", "None.", refusal);
  readonly #egress = new Shares("Sites that were not opened in the last hour", "None.");
  readonly #country = new Shares("Requests of the last day by country, in tens", "Nothing is told of countries from which few readers ask.", country);

  constructor() {
    const id = newId();
    const head = make("tr", {}, make("th", { scope: "col" }, "Last"), ...COLUMNS.map(([name]) => make("th", { scope: "col" }, name)));
    const table = make("table", {}, make("caption", { class: "hidden", id }, "Readers’ requests"), make("thead", {}, head), this.#body);
    const parts = [this.#why, this.#offers, this.#egress, this.#country].map(({ element }) => element);
    this.element = card("readers", "Readers’ requests", make("div", { class: "table", tabindex: "0", role: "region", "aria-labelledby": id }, table), make("div", { class: "breakdowns" }, ...parts));
  }

  render(live: LiveView): void {
    this.#body.replaceChildren(
      ...SPANS.map(([name, of]) => make("tr", {}, make("th", { scope: "row" }, name), ...COLUMNS.map(([, say]) => make("td", {}, say(of(live)))))),
    );
    this.#why.render(live.readers.refused);
    this.#offers.render(live.readers.offers_refused);
    this.#egress.render(live.gateway.egress_refused);
    this.#country.render(live.readers.country);
  }
}

/** What stands in the last line. */
export function about({ version, uptime_s: uptime, roles }: LiveView): string {
  return `Unwalled ${version}, running for ${span(uptime)} as ${roles.join(", ")}.`;
}
