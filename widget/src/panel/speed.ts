/** Speed as a graph, and amounts. */

import { draw, make, setText } from "../face/dom.js";
import { fill } from "../words/language.js";
import { SpeedHistory, top, trace } from "./history.js";
import { card, Facts, type Card, type Context } from "./parts.js";

const WIDTH = 600;
const HEIGHT = 120;

/** `history` outlives the card, which is made anew for each language. */
export function speedCard({ words: { speed: words }, language, format }: Context, history: SpeedHistory): Card {
  const area = draw("path", { class: "down area" });
  const down = draw("path", { class: "down line" });
  const up = draw("path", { class: "up line" });
  const grid = draw("path", { class: "grid", d: [0, 1, 2, 3, 4].map((row) => `M0 ${(row * HEIGHT) / 4}H${WIDTH}`).join("") });
  const graph = draw("svg", { class: "graph", role: "img", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" }, grid, area, down, up);
  const scale = make("span", { class: "scale", "aria-hidden": "true" });
  const rates = new Facts([words.down, words.up]);
  rates.element.classList.add("rates");
  const facts = new Facts([words.received, words.sent, words.open, words.through]);
  const direct = new Facts([words.direct]);
  return {
    element: card("speed", words.title, rates.element, make("div", { class: "plot" }, graph, scale), facts.element, direct.element),
    render: ({ snapshot }) => {
      const now = performance.now();
      history.add({ at: now, down: snapshot.down_bps, up: snapshot.up_bps });
      const { samples } = history;
      const frame = { width: WIDTH, height: HEIGHT, now, top: top(samples) };
      area.setAttribute("d", trace(samples, (sample) => sample.down, frame, true));
      down.setAttribute("d", trace(samples, (sample) => sample.down, frame, false));
      up.setAttribute("d", trace(samples, (sample) => sample.up, frame, false));
      const most = format.rate(frame.top);
      setText(scale, most);
      const label = fill(words.label, { rate: most });
      if (graph.getAttribute("aria-label") !== label) graph.setAttribute("aria-label", label);
      rates.render([format.rate(snapshot.down_bps), format.rate(snapshot.up_bps)]);
      facts.render([
        language.bytes(snapshot.bytes_down),
        language.bytes(snapshot.bytes_up),
        language.number(snapshot.connections),
        language.number(snapshot.through_bridges),
      ]);
      // With "everything" there are none, and nobody has to wonder.
      direct.element.hidden = snapshot.rules === "everything" && snapshot.went_direct === 0;
      direct.render([language.number(snapshot.went_direct)]);
    },
  };
}
