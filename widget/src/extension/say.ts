/** The extension's own words, in the language that the browser has chosen from those in the package. */

import { fill } from "../words/language.js";
import type { ExtensionWords } from "./words/words.js";

/** A text, with values in the place of `{name}`. */
export function say(key: keyof ExtensionWords, values: Readonly<Record<string, string>> = {}): string {
  return fill(chrome.i18n.getMessage(key), values);
}

/** The element of the page with that id, which is there. */
export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no ${id}.`);
  return found;
}

/** Puts each text in its place: `data-say` names it. */
export function speak(): void {
  document.documentElement.lang = say("tag");
  document.documentElement.dir = say("direction");
  for (const place of document.querySelectorAll<HTMLElement>("[data-say]")) {
    place.textContent = say(place.dataset["say"] as keyof ExtensionWords);
  }
}
