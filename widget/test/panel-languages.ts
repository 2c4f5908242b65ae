/** The panel's words in all languages but English, for the tests. */

import { WORDS as ar } from "../src/panel/words/ar.js";
import { WORDS as be } from "../src/panel/words/be.js";
import { WORDS as de } from "../src/panel/words/de.js";
import { WORDS as es } from "../src/panel/words/es.js";
import { WORDS as fa } from "../src/panel/words/fa.js";
import { WORDS as fr } from "../src/panel/words/fr.js";
import { WORDS as my } from "../src/panel/words/my.js";
import { WORDS as pt } from "../src/panel/words/pt.js";
import { WORDS as ru } from "../src/panel/words/ru.js";
import { WORDS as tr } from "../src/panel/words/tr.js";
import { WORDS as uk } from "../src/panel/words/uk.js";
import { WORDS as ur } from "../src/panel/words/ur.js";
import { WORDS as vi } from "../src/panel/words/vi.js";
import { WORDS as zhHans } from "../src/panel/words/zh-Hans.js";
import { WORDS as zhHant } from "../src/panel/words/zh-Hant.js";
import type { PanelWords } from "../src/panel/words/words.js";

export const PANEL_LANGUAGES: Readonly<Record<string, PanelWords>> = {
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
