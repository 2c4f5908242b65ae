/** Helping that goes on while the visitor browses: on the next page, or in a small window. */

import type { DetailsWords } from "../words/words.js";
import { button, checkbox } from "./controls.js";
import type { Context, Section } from "./details.js";
import { make, setText } from "./dom.js";

export function keep({ keep: words }: DetailsWords, { driver }: Context): Section {
  const here = checkbox(words.here, words.hereNote, (value) => (driver.keepHelping = value));
  const open = button(words.window, () => driver.openWindow());
  const note = make("p", { part: "note" });
  return {
    title: words.title,
    content: [here.element, open, note],
    offered: ({ abilities }) => abilities.storage || abilities.window,
    render: ({ abilities, keepHelping, inWindow }) => {
      here.element.hidden = !abilities.storage;
      here.show(keepHelping);
      open.hidden = note.hidden = !abilities.window;
      open.disabled = inWindow;
      setText(note, inWindow ? words.windowOpen : words.windowNote);
    },
  };
}
