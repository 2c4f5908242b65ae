/** What has been done: people, data, time. Pure. A tally is kept as plain values, so that it can outlive the page. */

import type { Tally } from "./snapshot.js";
import { dayOf } from "./wishes.js";

/** More people in one day are counted, but no more told apart. */
const MOST_NAMES = 2_000;
/** Of a name, which the broker made by a key that it keeps, so many characters are kept: 36 bits. */
const NAME_CHARS = 6;
/** More countries in one day are not told. */
const MOST_COUNTRIES = 60;
const COUNTRY = /^[A-Z]{2}$/;
const SALT = /^[A-Za-z0-9_-]{22}$/;

export interface Kept {
  readonly day: string;
  /** By this the broker gives each person the same name all day. 16 random bytes, b64, new each day. */
  readonly salt: string;
  /** The people of this day, as the beginning of the names that the broker gave them. */
  readonly names: readonly string[];
  /** People of this day who have no name. */
  readonly nameless: number;
  /** Where people of this day were, in the order of the alphabet: not who, how many, or when. ISO 3166-1 alpha-2. */
  readonly countries: readonly string[];
  /** People of the days before. */
  readonly past: number;
  readonly bytes: number;
  readonly seconds: number;
}

/** What is new since the tally was last brought together with what is kept. */
export interface Additions {
  names: string[];
  nameless: number;
  countries: string[];
  bytes: number;
  seconds: number;
}

export function nothingNew(): Additions {
  return { names: [], nameless: 0, countries: [], bytes: 0, seconds: 0 };
}

/** @param salt A fresh one, for a new day. */
export function emptyTally(now: Date, salt: string): Kept {
  return { day: dayOf(now), salt, names: [], nameless: 0, countries: [], past: 0, bytes: 0, seconds: 0 };
}

/** The tally as of this day: on another day than its own the names and countries go, and the number of people stays. */
export function ofToday(kept: Kept, now: Date, freshSalt: () => string): Kept {
  const day = dayOf(now);
  if (kept.day === day) return kept;
  return { ...kept, day, salt: freshSalt(), names: [], nameless: 0, countries: [], past: kept.past + kept.names.length + kept.nameless };
}

/** Both together. Who is in both counts once. */
export function together(kept: Kept, more: Additions): Kept {
  const names = new Set(kept.names);
  let nameless = kept.nameless + more.nameless;
  for (const name of more.names) {
    const short = name.slice(0, NAME_CHARS);
    if (names.size < MOST_NAMES || names.has(short)) names.add(short);
    else nameless += 1;
  }
  const countries = [...new Set([...kept.countries, ...more.countries])].slice(0, MOST_COUNTRIES).sort();
  return { ...kept, names: [...names], nameless, countries, bytes: kept.bytes + more.bytes, seconds: kept.seconds + more.seconds };
}

export function told({ names, nameless, countries, past, bytes, seconds }: Kept): Tally {
  const today = names.length + nameless;
  return { today, ever: past + today, countries, bytes, seconds: Math.floor(seconds) };
}

/** Reads what was kept, or gives undefined when it is damaged. */
export function readTally(text: string | null): Kept | undefined {
  if (text === null) return undefined;
  try {
    // Earlier versions kept no countries.
    const { day, salt, names, nameless, countries = [], past, bytes, seconds } = Object(JSON.parse(text)) as Record<keyof Kept, unknown>;
    const numbers = [nameless, past, bytes, seconds];
    if (typeof day !== "string" || typeof salt !== "string" || !SALT.test(salt)) return undefined;
    if (!Array.isArray(names) || names.length > MOST_NAMES || !names.every((name) => typeof name === "string")) return undefined;
    if (!Array.isArray(countries) || countries.length > MOST_COUNTRIES || !countries.every((code) => COUNTRY.test(String(code)))) return undefined;
    if (!numbers.every((number) => typeof number === "number" && number >= 0 && number <= Number.MAX_SAFE_INTEGER)) return undefined;
    return { day, salt, names, nameless, countries, past, bytes, seconds } as Kept;
  } catch {
    return undefined;
  }
}
