/**
 * What a language has to say: every word that a visitor reads, as plain texts. docs/how-to/translate.md is for translators.
 *
 * `{name}` stands for a value and must be in the translation too. Forms are chosen by the language's own plural rules; the
 * type of a language's object names its categories, so that a missing text or form fails the build.
 */

import type { ErrorReason, PauseReason } from "../helping/states.js";

/** One text for each plural category of the language; every language has at least "other". `{count}` is the number. */
export type Forms<Category extends Intl.LDMLPluralRule> = Readonly<Record<Category | "other", string>>;

/** What the closed switch shows. English has these in the script that every page loads. */
export interface SwitchWords<Category extends Intl.LDMLPluralRule = "other"> {
  readonly label: string;
  readonly sentence: string;
  readonly off: string;
  readonly connecting: string;
  readonly waiting: string;
  /** People who are being helped just now, 1 to 8. */
  readonly helping: Forms<Category>;
  readonly paused: Readonly<Record<PauseReason, string>>;
  /** A pause whose end is known: `{status}` is one of those above, `{time}` like "22:00" or "December 1". */
  readonly until: string;
  readonly unsupported: Readonly<Record<"browser", string>>;
  readonly error: Readonly<Record<ErrorReason, string>>;
  /** `{amount}` is like "3.2 megabytes". */
  readonly carried: string;
  /** The button that opens all that follows below. */
  readonly details: string;
  readonly close: string;
  readonly hide: string;
  /** Instead of the details, when they cannot be loaded. */
  readonly unavailable: string;
}

/** A finding of the self-test: what it says when it is so, and when it is not. */
export interface Finding {
  readonly yes: string;
  readonly no: string;
}

/** What the opened switch shows. English has these in the part of the details. */
export interface DetailsWords<Category extends Intl.LDMLPluralRule = "other"> {
  readonly how: {
    readonly title: string;
    readonly does: string;
    readonly doesPoints: readonly [joins: string, keys: string, addresses: string];
    readonly never: string;
    readonly neverPoints: readonly [address: string, before: string, stores: string, reads: string, stops: string];
    readonly costs: string;
    readonly costsPoints: readonly [connection: string, battery: string];
  };
  readonly keep: {
    readonly title: string;
    readonly here: string;
    readonly hereNote: string;
    readonly window: string;
    readonly windowNote: string;
    readonly windowOpen: string;
  };
  readonly known: {
    readonly title: string;
    readonly only: string;
    readonly onlyNote: string;
    /** Names the field with the link. */
    readonly link: string;
    readonly give: string;
    /** Instead of the link, before it is there. */
    readonly coming: string;
    readonly turnOn: string;
    readonly copy: string;
    readonly copied: string;
    readonly byHand: string;
    readonly fresh: string;
    readonly freshNote: string;
  };
  readonly numbers: {
    readonly title: string;
    readonly now: string;
    readonly today: string;
    readonly ever: string;
    readonly data: string;
    readonly time: string;
    readonly people: Forms<Category>;
    readonly note: string;
    readonly keep: string;
    readonly forget: string;
  };
  readonly where: {
    readonly title: string;
    /** What the map shows, for who cannot see it. */
    readonly label: string;
    /** Instead of the list of countries. */
    readonly nobody: string;
    /** Countries of people who were helped earlier today, too: `{countries}` is a list of names. */
    readonly today: string;
    /** Behind the name of a country and a colon. */
    readonly people: Forms<Category>;
    readonly elsewhere: Forms<Category>;
    readonly note: string;
  };
  readonly limits: {
    readonly title: string;
    readonly note: string;
    readonly readers: string;
    readonly speed: string;
    readonly anySpeed: string;
    readonly monthly: string;
    readonly anyAmount: string;
    /** `{amount}` is like "3.2 gigabytes". */
    readonly left: string;
    readonly charging: string;
    readonly metered: string;
    readonly hours: string;
    readonly from: string;
    readonly to: string;
  };
  readonly check: {
    readonly title: string;
    readonly note: string;
    readonly start: string;
    readonly again: string;
    readonly running: string;
    readonly good: string;
    readonly some: string;
    readonly none: string;
    readonly unknown: string;
    readonly operator: Finding;
    readonly socket: Finding;
    readonly udp: Finding;
    readonly varying: Finding;
  };
  readonly share: {
    readonly title: string;
    /** What is sent to others, before the address of this page. */
    readonly text: string;
    readonly send: string;
    readonly copied: string;
    /** The browser forbids copying; the address stands marked beneath. */
    readonly byHand: string;
    readonly embed: string;
    readonly impact: string;
  };
  readonly caution: {
    /** `{country}` is a country's name. */
    readonly text: string;
    readonly understood: string;
  };
}

/** One language, whole. */
export interface Words<Category extends Intl.LDMLPluralRule = "other"> {
  readonly switch: SwitchWords<Category>;
  readonly details: DetailsWords<Category>;
}
