/** Bridges and lanes, as a picture and in words. */

import { make, setText } from "../face/dom.js";
import { fill } from "../words/language.js";
import { countLanes, type Bridge } from "./model.js";
import { card, joined, Listing, type Card, type Context } from "./parts.js";
import { Picture } from "./picture.js";

/** One bridge in words. Pure. */
export function describe({ number, lanes }: Bridge, { words: { bridges: words }, language, format }: Omit<Context, "ask">): string {
  const rate = lanes.reduce((sum, { up_bps, down_bps }) => sum + up_bps + down_bps, 0);
  const text = fill(words.one, {
    number: language.number(number),
    lanes: language.count(words.lanes, lanes.length),
    rate: format.rate(rate),
  });
  const times = lanes.flatMap(({ round_trip_ms }) => round_trip_ms ?? []);
  const silent = lanes.filter(({ is_silent }) => is_silent).length;
  return joined(language, [
    text,
    ...(times.length > 0 ? [fill(words.answers, { time: format.milliseconds(Math.min(...times)) })] : []),
    ...(silent > 0 ? [language.count(words.silent, silent)] : []),
  ]);
}

export function bridgesCard(context: Context): Card {
  const { words, language } = context;
  const picture = new Picture();
  picture.label = words.bridges.label;
  const summary = make("p", { class: "summary" });
  const each = new Listing<string>("bridges", summary, (text) => make("span", {}, text));
  return {
    element: card("way", words.bridges.title, picture.element, summary, each.element, make("p", { class: "quiet" }, words.bridges.note)),
    render: ({ snapshot }) => {
      const { bridges } = snapshot;
      picture.render(snapshot);
      const counts = [language.count(words.bridges.bridges, bridges.length), language.count(words.bridges.lanes, countLanes(bridges))];
      setText(summary, bridges.length === 0 ? words.bridges.none : joined(language, counts));
      each.render(bridges.map((bridge) => describe(bridge, context)));
    },
  };
}
