/** All languages but English, for the tests. */

import { WORDS as de } from "../src/words/de.js";
import type { Words } from "../src/words/words.js";

export const LANGUAGES: Readonly<Record<string, Words>> = { de };
