/**
 * What the reader's panel says, in one language. docs/how-to/translate.md is for translators; the same rules hold as for the
 * switch: `{name}` stands for a value, forms follow the language's plural rules, and what is missing fails the build.
 */

import type { Forms } from "../../words/words.js";
import type { Mode, State, Trouble } from "../model.js";

/** What is wrong, and what to do. */
export interface Advice {
  readonly cause: string;
  readonly remedy: string;
}

/** A choice, and what it means. */
export interface Choice {
  readonly name: string;
  readonly note: string;
}

export interface PanelWords<Category extends Intl.LDMLPluralRule = "other"> {
  readonly language: string;
  /** The browser's own language. */
  readonly automatic: string;
  /** The large switch. */
  readonly label: string;
  readonly states: Readonly<Record<State, string>>;
  /** `{duration}` is like "12 minutes". */
  readonly since: string;
  /** `{time}` in clock-wrong is like "3 days". */
  readonly troubles: Readonly<Record<Exclude<Trouble, "none"> | "unknown", Advice>>;
  /** The page hears nothing of the program. */
  readonly lost: Readonly<Record<"ended" | "token" | "many", Advice>>;
  readonly bridges: {
    readonly title: string;
    /** What the picture shows, for who cannot see it. */
    readonly label: string;
    readonly none: string;
    readonly bridges: Forms<Category>;
    readonly lanes: Forms<Category>;
    /** One line for each bridge: `{number}`, `{lanes}` as above, `{rate}` like "3 Mbit/s". */
    readonly one: string;
    /** `{time}` is like "84 ms". */
    readonly answers: string;
    readonly silent: Forms<Category>;
    readonly note: string;
  };
  readonly speed: {
    readonly title: string;
    /** `{rate}` is the highest that the graph can show. */
    readonly label: string;
    readonly down: string;
    readonly up: string;
    readonly received: string;
    readonly sent: string;
    readonly open: string;
    readonly through: string;
    readonly direct: string;
  };
  readonly rules: {
    readonly title: string;
    readonly modes: Readonly<Record<Mode, Choice>>;
    readonly names: Forms<Category>;
    readonly learned: Forms<Category>;
    readonly forgetLearned: string;
    readonly own: string;
    readonly add: string;
    readonly addNote: string;
    readonly addButton: string;
    /** `{name}` is a site or a list. */
    readonly remove: string;
    readonly more: Forms<Category>;
    readonly lists: string;
    readonly listNames: Forms<Category>;
    /** `{date}` is a day. */
    readonly updated: string;
    readonly update: string;
    readonly import: string;
    readonly importNote: string;
    readonly file: string;
    readonly paste: string;
    readonly address: string;
    /** Before the two that follow. */
    readonly go: string;
    readonly goThrough: string;
    readonly goDirect: string;
    readonly listTitle: string;
    readonly importButton: string;
    readonly taken: Forms<Category>;
    readonly problems: Forms<Category>;
    /** `{line}` is a number, `{cause}` an English sentence. */
    readonly line: string;
  };
  readonly invites: {
    readonly title: string;
    readonly paste: string;
    readonly pasteNote: string;
    readonly name: string;
    readonly add: string;
    readonly added: string;
    /** Instead of a name: `{number}`. */
    readonly unnamed: string;
    readonly active: string;
    readonly use: string;
    readonly show: string;
    readonly hide: string;
    readonly forget: string;
    readonly forgetSure: string;
    /** `{date}` is a day. */
    readonly until: string;
    readonly always: string;
    readonly showNote: string;
    /** What the code is, for who cannot see it. */
    readonly code: string;
  };
  readonly programs: {
    readonly title: string;
    readonly note: string;
    readonly address: string;
    readonly none: string;
    /** Before a command that is written beneath. */
    readonly browse: string;
    readonly proxy: Choice;
    readonly login: Choice;
    readonly cannot: string;
  };
  readonly help: {
    readonly title: string;
    readonly note: string;
    readonly make: string;
    readonly text: string;
    readonly save: string;
  };
  readonly copy: string;
  readonly copied: string;
  readonly byHand: string;
  readonly private: string;
  /** What the program refuses, by its code; anything else is told in English after `failed`. */
  readonly refusals: Readonly<
    Record<
      "not-an-invite" | "damaged-invite" | "newer-invite" | "expired-invite" | "no-usable-door" | "too-large" | "ended" | "failed",
      string
    >
  >;
}
