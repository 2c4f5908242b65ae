/** Values as a language writes them, beside those that the switch knows. Pure but for the browser's `Intl`. */

import type { Language } from "../words/language.js";

export class Format {
  readonly #tag: string;
  readonly #date: Intl.DateTimeFormat;

  constructor(language: Language) {
    this.#tag = language.tag;
    this.#date = new Intl.DateTimeFormat(language.tag, { dateStyle: "medium" });
  }

  /** A rate of data. */
  rate(bps: number): string {
    if (bps < 999_500) return this.#unit(bps / 1000, "kilobit-per-second", 0);
    return this.#unit(bps / 1e6, "megabit-per-second", bps < 99_950_000 ? 1 : 0);
  }

  milliseconds(value: number): string {
    return this.#unit(value, "millisecond", 0);
  }

  /** Of a Unix time in seconds. */
  date(seconds: number): string {
    return this.#date.format(seconds * 1000);
  }

  /** `tag`'s name in its own language, which whoever looks for it can read. */
  static ownName(tag: string): string {
    const name = new Intl.DisplayNames(tag, { type: "language", languageDisplay: "standard" }).of(tag) ?? tag;
    return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);
  }

  #unit(value: number, unit: string, maximumFractionDigits: number): string {
    return new Intl.NumberFormat(this.#tag, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits }).format(value);
  }
}
