/** What the toolbar's icon says in words, in the language of the extension's pages. */

import { ENGLISH_SPEECH } from "../face/speaker.js";
import { loadPart } from "../face/parts.js";
import { statusOf } from "../face/status.js";
import type { Snapshot } from "../helping/snapshot.js";
import { Language } from "../words/language.js";
import { say } from "./say.js";

let { language, words } = ENGLISH_SPEECH;

/** Takes the words of the extension's language from the package. English is there from the start. */
export async function learnWords(): Promise<void> {
  // Chrome's offscreen document cannot ask for it itself; whoever makes that knows it.
  const tag = new URLSearchParams(location.search).get("tag") ?? say("tag");
  if (tag === language.tag) return;
  words = (await loadPart(`words-${tag}`)).WORDS.switch;
  language = new Language(tag);
}

export function titleOf(snapshot: Snapshot): string {
  return `Unwalled: ${statusOf(snapshot, words, language)}`;
}
