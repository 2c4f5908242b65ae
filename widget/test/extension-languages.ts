/** The extension's own words in all languages but English, for the tests. */

import { WORDS as ar } from "../src/extension/words/ar.js";
import { WORDS as be } from "../src/extension/words/be.js";
import { WORDS as de } from "../src/extension/words/de.js";
import { WORDS as es } from "../src/extension/words/es.js";
import { WORDS as fa } from "../src/extension/words/fa.js";
import { WORDS as fr } from "../src/extension/words/fr.js";
import { WORDS as my } from "../src/extension/words/my.js";
import { WORDS as pt } from "../src/extension/words/pt.js";
import { WORDS as ru } from "../src/extension/words/ru.js";
import { WORDS as tr } from "../src/extension/words/tr.js";
import { WORDS as uk } from "../src/extension/words/uk.js";
import { WORDS as ur } from "../src/extension/words/ur.js";
import { WORDS as vi } from "../src/extension/words/vi.js";
import { WORDS as zhHans } from "../src/extension/words/zh-Hans.js";
import { WORDS as zhHant } from "../src/extension/words/zh-Hant.js";
import type { ExtensionWords } from "../src/extension/words/words.js";

export const EXTENSION_LANGUAGES: Readonly<Record<string, ExtensionWords>> = {
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
