/** Values as a language writes them, beside those that the switch knows. Pure but for the browser's `Intl`. */

import type { Language } from "../words/language.js";

/** Languages as they call themselves, which whoever looks for one can read. Browsers do not know all of them. */
export const OWN_NAMES: Readonly<Record<string, string>> = {
  en: "English",
  ar: "العربية",
  be: "Беларуская",
  de: "Deutsch",
  es: "Español",
  fa: "فارسی",
  fr: "Français",
  my: "မြန်မာ",
  pt: "Português",
  ru: "Русский",
  tr: "Türkçe",
  uk: "Українська",
  ur: "اردو",
  vi: "Tiếng Việt",
  "zh-Hans": "简体中文",
  "zh-Hant": "繁體中文",
};

export class Format {
  readonly #language: Language;
  readonly #date: Intl.DateTimeFormat;

  constructor(language: Language) {
    this.#language = language;
    this.#date = new Intl.DateTimeFormat(language.tag, { dateStyle: "medium" });
  }

  /** A rate of data. */
  rate(bps: number): string {
    if (bps < 999_500) return this.#language.unit(bps / 1000, "kilobit-per-second", 0, "short");
    return this.#language.unit(bps / 1e6, "megabit-per-second", bps < 99_950_000 ? 1 : 0, "short");
  }

  milliseconds(value: number): string {
    return this.#language.unit(value, "millisecond", 0, "short");
  }

  /** Of a Unix time in seconds. */
  date(seconds: number): string {
    return this.#date.format(seconds * 1000);
  }
}
