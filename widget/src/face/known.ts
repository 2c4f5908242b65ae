/** Helping only people whom the visitor knows: the choice, and the link for them. */

import type { DetailsWords } from "../words/words.js";
import { button, checkbox } from "./controls.js";
import type { Context, Section } from "./details.js";
import { make, setText } from "./dom.js";

export function known({ known: words }: DetailsWords, { driver }: Context): Section {
  const only = checkbox(words.only, words.onlyNote, (value) => (driver.onlyKnown = value));
  const state = make("p", { part: "note" });
  const address = make("input", { part: "address", type: "text", readonly: "", "aria-label": words.link, dir: "ltr" });
  const result = make("p", { part: "note", role: "status" });
  const copy = button(words.copy, () => void tell());
  const fresh = button(words.fresh, () => driver.newLink());
  const freshNote = make("p", { part: "note" }, words.freshNote);

  async function tell(): Promise<void> {
    try {
      await (navigator as Navigator).clipboard.writeText(address.value);
      setText(result, words.copied);
    } catch {
      address.select();
      setText(result, words.byHand);
    }
  }

  return {
    title: words.title,
    content: [only.element, state, address, copy, result, fresh, freshNote],
    offered: ({ abilities, onlyKnown }) => abilities.known || onlyKnown,
    render: ({ onlyKnown, link, on }) => {
      only.show(onlyKnown);
      state.hidden = fresh.hidden = freshNote.hidden = !onlyKnown;
      address.hidden = copy.hidden = result.hidden = !onlyKnown || link === "";
      setText(state, link !== "" ? words.give : on ? words.coming : words.turnOn);
      if (address.value !== link) {
        address.value = link;
        setText(result, "");
      }
    },
  };
}
