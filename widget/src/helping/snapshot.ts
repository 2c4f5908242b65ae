/**
 * Everything that may be shown of one volunteer's helping, as plain values. Pure.
 *
 * A snapshot never changes; a new one comes with every change. It holds nothing but JSON, so that an extension can send it
 * from where it helps to where it shows. Times are milliseconds since 1970, sizes are bytes.
 */

import type { Counts } from "../bridge/bridge.js";
import type { Reason, State } from "./states.js";

/** What the volunteer allows. Whatever the site asks for, it never goes past this. */
export interface Wishes {
  /** Readers at once, 1 to 8. */
  readonly maxReaders: number;
  /** Bytes each second, both directions of all readers together; null = as fast as it goes. */
  readonly speed: number | null;
  /** Bytes each calendar month, both directions; null = no limit. */
  readonly monthly: number | null;
  /** Only while the device is being charged. */
  readonly charging: boolean;
  /** Also on connections that cost by the megabyte, or with the data saver on. */
  readonly metered: boolean;
  /** Only in these hours of the day; null = at any time. */
  readonly hours: Hours | null;
}

/** Minutes since midnight, local time, 0 to 1439. It spans midnight when `to` comes before `from`. They are never the same. */
export interface Hours {
  readonly from: number;
  readonly to: number;
}

/** Which wishes this browser can keep watch over; a setting for one that it cannot is not worth showing. */
export interface Abilities {
  readonly charging: boolean;
  readonly metered: boolean;
  /** Something can be kept for the next page: not so in some private windows and frames. */
  readonly storage: boolean;
  /** A small window can be opened that goes on helping when this page is left. */
  readonly window: boolean;
  /** People whom the visitor knows can be helped alone. */
  readonly known: boolean;
}

/** What has been done. People are told apart as far as the broker tells; someone who comes again on another day counts again. */
export interface Tally {
  readonly today: number;
  /** Since the numbers are kept; since the page was opened where they are not. */
  readonly ever: number;
  /** Where people of today were, as far as the operator tells. ISO 3166-1 alpha-2, in the order of the alphabet. */
  readonly countries: readonly string[];
  readonly bytes: number;
  /** Time with at least one person being helped. */
  readonly seconds: number;
}

export type Verdict = "good" | "some" | "none" | "unknown";

/** "Can my connection help?" Every finding is `null` where it could not be found out. */
export interface Findings {
  /**
   * `good`: nearly everybody can be helped; `some`: only people whose own network is an open one; `none`: nobody gets
   * in; `unknown`: the operator has nothing to test with.
   */
  readonly verdict: Verdict;
  /** The operator's server answers. */
  readonly operator: boolean | null;
  /** A WebSocket to the operator opens. */
  readonly socket: boolean | null;
  /** UDP comes out and back in. */
  readonly udp: boolean | null;
  /** The network gives this device another port for each one that it talks to, so that strangers cannot guess it. */
  readonly varying: boolean | null;
}

export type Check = { readonly state: "none" } | { readonly state: "running" } | ({ readonly state: "done" } & Findings);

/** One person who is being helped. */
export interface Reader {
  /** The same for one person as long as this page lives, and nothing besides. */
  readonly key: string;
  /** ISO 3166-1 alpha-2, or "" when it is not known. */
  readonly country: string;
  readonly lanes: number;
  /** From and to this person, since they came. */
  readonly bytesUp: number;
  readonly bytesDown: number;
}

export interface Snapshot {
  readonly on: boolean;
  readonly state: State;
  readonly reason: Reason;
  /** When a pause ends by itself, or null when nobody knows. */
  readonly until: number | null;
  /** `bytesUp` and `bytesDown` are since the switch was turned on, and kept when it goes off. */
  readonly counts: Counts;
  readonly readers: readonly Reader[];
  readonly since: number | null;
  readonly tally: Tally;
  readonly wishes: Wishes;
  /** What is left of this month's data, or null without a limit. */
  readonly left: number | null;
  /** What is left of what another page has lent to this small window, or null. */
  readonly lent: number | null;
  readonly abilities: Abilities;
  /** The next page of this site starts to help by itself. */
  readonly keepHelping: boolean;
  /** The tally outlives this page. */
  readonly keepNumbers: boolean;
  /** Only the holders of `link` are helped. */
  readonly onlyKnown: boolean;
  /** For people whom the visitor knows; "" until the operator has given what it is made of. */
  readonly link: string;
  readonly check: Check;
  /** Country (ISO 3166-1 alpha-2) in which the visitor seems to be and in which helping may be held against them, or null. */
  readonly caution: string | null;
  /** The small window is open and helps in the place of this page. */
  readonly inWindow: boolean;
}

/** Somebody who only turns the switch on gives what costs nothing extra: not on connections that are paid by the megabyte. */
export const NO_LIMITS: Wishes = Object.freeze({
  maxReaders: 8,
  speed: null,
  monthly: null,
  charging: false,
  metered: false,
  hours: null,
});
