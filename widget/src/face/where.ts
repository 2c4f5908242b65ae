/** Where the people are who are being helped: a map, loaded when it is opened. */

import type { Picture } from "../picture/picture.js";
import { fill } from "../words/language.js";
import type { DetailsWords } from "../words/words.js";
import type { Context, Section } from "./details.js";
import { make, setText } from "./dom.js";

export function where({ where: words }: DetailsWords, { words: spoken, language, driver, loadPart }: Context): Section {
  const box = make("div", { part: "picture" });
  const today = make("p", { part: "note" });
  const failed = make("p", { part: "note", role: "status" });
  let known = false;
  let open = false;
  let picture: Picture | undefined;

  const people = (count: number, country: string): string =>
    country === "" ? language.count(words.elsewhere, count) : `${language.country(country)}: ${language.count(words.people, count)}`;

  async function show(): Promise<void> {
    try {
      const { mount } = await loadPart("picture");
      if (!open || picture) return;
      setText(failed, "");
      picture = mount(box, { label: words.label, nobody: words.nobody, people });
      picture.update(driver.snapshot.readers);
    } catch {
      setText(failed, spoken.unavailable);
    }
  }

  function hide(): void {
    picture?.remove();
    picture = undefined;
  }

  return {
    title: words.title,
    content: [box, today, failed, make("p", { part: "note" }, words.note)],
    // An operator that does not know of countries tells none; then there is nothing to see.
    offered: ({ readers, tally }) => (known ||= tally.countries.length > 0 || readers.some(({ country }) => country !== "")),
    render: ({ readers, tally }) => {
      picture?.update(readers);
      const names = tally.countries.map((code) => language.country(code));
      setText(today, names.length === 0 ? "" : fill(words.today, { countries: language.list(names) }));
    },
    toggled: (isOpen) => {
      open = isOpen;
      if (isOpen) void show();
      else hide();
    },
    end: () => {
      open = false;
      hide();
    },
  };
}
