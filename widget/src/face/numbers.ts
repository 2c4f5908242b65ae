/** What the volunteer has done, in numbers. */

import type { DetailsWords } from "../words/words.js";
import { button, checkbox } from "./controls.js";
import type { Context, Section } from "./details.js";
import { make, setText } from "./dom.js";

export function numbers({ numbers: words }: DetailsWords, { language, driver }: Context): Section {
  const rows = [words.now, words.today, words.ever, words.data, words.time].map((name) => {
    const value = make("dd", {});
    return { value, element: make("div", {}, make("dt", {}, name), value) };
  });
  const keep = checkbox(words.keep, "", (value) => (driver.keepNumbers = value));
  const forget = button(words.forget, () => driver.forget());
  return {
    title: words.title,
    content: [
      make("dl", { part: "numbers" }, ...rows.map(({ element }) => element)),
      make("p", { part: "note" }, words.note),
      keep.element,
      forget,
    ],
    render: ({ counts, tally, abilities, keepNumbers, keepHelping }) => {
      const people = (count: number) => language.count(words.people, count);
      const values = [
        people(counts.readers),
        people(tally.today),
        people(tally.ever),
        language.bytes(tally.bytes),
        language.duration(tally.seconds),
      ];
      for (const [index, row] of rows.entries()) setText(row.value, values[index] ?? "");
      keep.element.hidden = !abilities.storage;
      keep.show(keepNumbers);
      forget.hidden = !(keepNumbers || keepHelping);
    },
  };
}
