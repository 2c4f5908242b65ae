/** The one sentence that says what is going on. Pure. */

import type { Snapshot } from "../helping/snapshot.js";
import type { Reason } from "../helping/states.js";
import { fill, type Language } from "../words/language.js";
import type { SwitchWords } from "../words/words.js";

/** @param now Milliseconds since 1970. */
export function statusOf({ state, reason, counts, until }: Snapshot, words: SwitchWords, language: Language, now = Date.now()): string {
  switch (state) {
    case "off":
    case "connecting":
    case "waiting":
      return words[state];
    case "helping":
      return language.count(words.helping, counts.readers);
    case "paused":
    case "unsupported":
    case "error": {
      const reasons: Partial<Record<Reason, string>> = words[state];
      const status = reasons[reason] ?? "";
      return until === null ? status : fill(words.until, { status, time: language.moment(until, now) });
    }
  }
}
