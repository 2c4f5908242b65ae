/** A language in use: its texts with values put in, and how one is chosen. Pure but for the browser's `Intl`. */

import type { Forms } from "./words.js";

const RIGHT_TO_LEFT: ReadonlySet<string> = new Set(["ar", "fa", "ur"]);
const DAY_MS = 24 * 60 * 60 * 1_000;
const UNITS = ["kilobyte", "megabyte", "gigabyte", "terabyte"];

/** Formats values as the language does. `tag` is one of those that have words. */
export class Language {
  readonly tag: string;
  readonly direction: "ltr" | "rtl";
  readonly #rules: Intl.PluralRules;
  readonly #number: Intl.NumberFormat;

  constructor(tag: string) {
    this.tag = tag;
    this.direction = RIGHT_TO_LEFT.has(tag) ? "rtl" : "ltr";
    this.#rules = new Intl.PluralRules(tag);
    this.#number = new Intl.NumberFormat(tag);
  }

  number(value: number): string {
    return this.#number.format(value);
  }

  /** The form for that many, with the number in the place of `{count}`. */
  count(forms: Forms<"other">, count: number): string {
    const all: Partial<Record<Intl.LDMLPluralRule, string>> = forms;
    return fill(all[this.#rules.select(count)] ?? forms.other, { count: this.number(count) });
  }

  /** A length of time: minutes below two hours, hours below two days, then days. */
  duration(seconds: number): string {
    const minutes = Math.floor(seconds / 60);
    if (minutes < 120) return this.unit(minutes, "minute", 0);
    return minutes < 48 * 60 ? this.unit(minutes / 60, "hour", 1) : this.unit(minutes / 1440, "day", 1);
  }

  /** A moment to come, milliseconds since 1970: its time within a day from `now`, else its day. */
  moment(at: number, now: number): string {
    const options = at - now < DAY_MS ? ({ hour: "numeric", minute: "2-digit" } as const) : ({ day: "numeric", month: "long" } as const);
    return new Intl.DateTimeFormat(this.tag, options).format(at);
  }

  /** A rate of data, which people know in bits. */
  speed(bytesPerSecond: number): string {
    return this.unit((bytesPerSecond * 8) / 1e6, "megabit-per-second", 1, "short");
  }

  /** Several things in a row, as the language joins them. */
  list(things: readonly string[]): string {
    return new Intl.ListFormat(this.tag).format(things);
  }

  /** The name of a country by its ISO 3166-1 code. */
  country(code: string): string {
    return new Intl.DisplayNames(this.tag, { type: "region", fallback: "code" }).of(code) ?? code;
  }

  /** An amount of data, in the largest unit that leaves at least 1 of it. */
  bytes(count: number): string {
    let value = count / 1000;
    let unit = 0;
    while (value >= 1000 && unit < UNITS.length - 1) {
      value /= 1000;
      unit += 1;
    }
    return this.unit(value, UNITS[unit] ?? "byte", value < 10 && unit > 0 ? 1 : 0, "short");
  }

  /** An amount in a unit of `Intl`. */
  unit(value: number, unit: string, maximumFractionDigits: number, unitDisplay: "short" | "long" = "long"): string {
    return new Intl.NumberFormat(this.tag, { style: "unit", unit, unitDisplay, maximumFractionDigits }).format(value);
  }
}

/** Puts values in the places of `{name}`. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** The first of the wished languages that there are words for, by the best fitting tag; English when there is none. */
export function choose(wished: readonly string[], available: readonly string[]): string {
  for (const tag of wished) {
    const found = match(tag, available);
    if (found !== undefined) return found;
  }
  return "en";
}

function match(tag: string, available: readonly string[]): string | undefined {
  let wished: Intl.Locale;
  try {
    // "zh-HK" becomes "zh-Hant-HK": the script decides, whatever the page says of countries.
    wished = new Intl.Locale(tag.trim().replaceAll("_", "-")).maximize();
  } catch {
    return undefined;
  }
  const { language, script } = wished;
  return available.find((one) => one === `${language}-${script}`) ?? available.find((one) => one === language);
}
