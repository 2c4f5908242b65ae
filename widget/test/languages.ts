/** All languages but English, for the tests. */

import { WORDS as ar } from "../src/words/ar.js";
import { WORDS as be } from "../src/words/be.js";
import { WORDS as de } from "../src/words/de.js";
import { WORDS as es } from "../src/words/es.js";
import { WORDS as fa } from "../src/words/fa.js";
import { WORDS as fr } from "../src/words/fr.js";
import { WORDS as my } from "../src/words/my.js";
import { WORDS as pt } from "../src/words/pt.js";
import { WORDS as ru } from "../src/words/ru.js";
import { WORDS as tr } from "../src/words/tr.js";
import { WORDS as uk } from "../src/words/uk.js";
import { WORDS as ur } from "../src/words/ur.js";
import { WORDS as vi } from "../src/words/vi.js";
import { WORDS as zhHans } from "../src/words/zh-Hans.js";
import { WORDS as zhHant } from "../src/words/zh-Hant.js";
import type { Words } from "../src/words/words.js";

export const LANGUAGES: Readonly<Record<string, Words>> = {
  ar,
  be,
  de,
  es,
  fa,
  fr,
  my,
  pt,
  ru,
  tr,
  uk,
  ur,
  vi,
  "zh-Hans": zhHans,
  "zh-Hant": zhHant,
};
