/** The first thing one sees: is everything all right, and what should be done? */

import { make, marked, setText } from "../face/dom.js";
import { newId } from "../panel/parts.js";
import type { Alarm, LiveView } from "./model.js";
import { ago } from "./say.js";

const KINDS = { bad: "To be mended", look: "To be looked at" };

export class State {
  readonly element: HTMLElement;
  readonly #sentence = make("p", { class: "sentence", role: "status" });
  readonly #alarms = make("ul", { class: "alarms" });
  #shown = "";

  constructor() {
    const id = newId();
    this.element = make("section", { class: "card state", "aria-labelledby": id }, make("h2", { id, class: "hidden" }, "State"), this.#sentence, this.#alarms);
  }

  render(live: LiveView): void {
    this.element.dataset["state"] = live.state;
    setText(this.#sentence, live.sentence);
    const shown = JSON.stringify(live.alarms.map((alarm) => [alarm, ago(alarm.since_s, live.at_s)]));
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#alarms.hidden = live.alarms.length === 0;
    this.#alarms.replaceChildren(...live.alarms.map((alarm) => row(alarm, live.at_s)));
  }
}

function row({ level, cause, remedy, since_s: since }: Alarm, now: number): HTMLElement {
  const kind = make("span", { class: "kind" }, KINDS[level], " ", make("span", { class: "since" }, ago(since, now)));
  return make("li", { "data-level": level }, kind, make("strong", {}, cause), make("p", {}, ...marked(remedy)));
}
