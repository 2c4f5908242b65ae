/** A report for help, which is shown, and may be changed, before it is saved. */

import { make } from "../face/dom.js";
import { act, button, card, copyable, field, Note, type Card, type Context } from "./parts.js";

const FILE_NAME = "unwalled-report.txt";

export function helpCard({ words, ask }: Context): Card {
  const own = words.help;
  const note = new Note();
  const text = field("textarea", own.text, { rows: "14", dir: "ltr", lang: "en" });
  const save = button(own.save, () => saveText(text.input.value));
  const copy = copyable(() => text.input.value, text.input, note, words);
  const shown = make("div", { class: "shown", hidden: "" }, text.element, make("div", { class: "actions" }, save, copy));
  const write = button(own.make, () => {
    void act(write, note, words, async () => {
      const report = await ask<{ readonly text: string }>("report");
      text.input.value = report.text;
      shown.hidden = false;
      text.input.focus();
      // It is read from its beginning.
      text.input.setSelectionRange(0, 0);
      text.input.scrollTop = 0;
    });
  });
  return { element: card("help", own.title, make("p", {}, own.note), write, shown, note.element), render: () => {} };
}

/** Puts a text into a file of the person's, without any server. */
function saveText(text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = make("a", { href: url, download: FILE_NAME });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
