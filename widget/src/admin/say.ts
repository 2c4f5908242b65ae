/** Values as the page writes them, in English. Pure but for the browser's `Intl`. */

import type { Counts } from "./model.js";

const NONE = "–";
const UNITS: readonly (readonly [number, string])[] = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const countries = new Intl.DisplayNames("en", { type: "region", fallback: "code" });

export function count(value: number | null): string {
  return value === null ? NONE : number.format(value);
}

/** Few are told with a digit behind the point: a mean of 0.4 is not none. */
export function mean(value: number): string {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : count(value);
}

export function percent(share: number | null): string {
  if (share === null) return NONE;
  const value = 100 * share;
  return `${value > 99 && value < 100 ? Math.floor(value * 10) / 10 : Math.round(value)} %`;
}

export function seconds(value: number | null): string {
  if (value === null) return NONE;
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${Number(value.toFixed(1))} s`;
}

function scaled(value: number, unit: string): string {
  const [size, letter] = UNITS.find(([least]) => value >= least) ?? [1, ""];
  const part = value / size;
  return `${part < 10 && size > 1 ? Number(part.toFixed(1)) : Math.round(part)} ${letter}${unit}`;
}

export function bytes(value: number | null): string {
  return value === null ? NONE : scaled(value, "B");
}

export function rate(bps: number): string {
  return scaled(bps, "bit/s");
}

/** In its largest unit. */
export function span(value: number): string {
  const steps: readonly (readonly [number, string])[] = [
    [86_400, "day"],
    [3600, "hour"],
    [60, "minute"],
  ];
  const [size, name] = steps.find(([least]) => value >= least) ?? [1, "second"];
  const many = Math.floor(value / size);
  return `${many} ${name}${many === 1 ? "" : "s"}`;
}

/** Since when something is so, seen from `now` (both in seconds since 1970). */
export function ago(at: number, now: number): string {
  return now - at < 60 ? "just now" : `for ${span(now - at)}`;
}

export function day(at: number): string {
  return new Intl.DateTimeFormat("en", { dateStyle: "medium" }).format(at * 1000);
}

export function moment(at: number): string {
  return new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" }).format(at * 1000);
}

/** A country by its code; "other" are those of which too few are here to be told apart. */
export function country(code: string): string {
  if (code === "other") return "Elsewhere, or not known";
  try {
    return countries.of(code) ?? code;
  } catch {
    return code;
  }
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

const WORDS: Readonly<Record<string, string>> = {
  page: "Pages of visitors",
  headless: "Programs (unwalled bridge)",
  unrestricted: "Open to all",
  restricted: "Behind a strict NAT",
  unknown: "Not known",
  none: "No bridge with room",
  failed: "No bridge answered",
  gone: "The reader left",
  limited: "Asked too often",
  full: "No place here",
  expired: "Invite is over",
  foreign: "Invite is not valid",
  malformed: "Cannot be read",
  replayed: "Came twice",
  slow: "Came too slowly",
  too_large: "Too large",
  busy: "Bridge was busy",
  silent: "Bridge said nothing",
  gateway: "Bridge did not reach the gateway",
};

/** Why a bridge refused an offer. */
export function refusal(code: string): string {
  return code === "failed" ? "Connection could not be made" : word(code);
}

/** A word of the protocol in words for a person; an unknown one as it is. */
export function word(code: string): string {
  return WORDS[code] ?? code.replaceAll("_", " ");
}

/** The largest first; what is put together as "other" last. */
export function sorted(counts: Counts): readonly (readonly [string, number])[] {
  return Object.entries(counts).sort(([a, x], [b, y]) => Number(a === "other") - Number(b === "other") || y - x || (a < b ? -1 : 1));
}
