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
  readonly unsupported: Readonly<Record<"browser", string>>;
  readonly error: Readonly<Record<ErrorReason, string>>;
  /** `{amount}` is like "3.2 megabytes". */
  readonly carried: string;
}

/** One language, whole. */
export interface Words<Category extends Intl.LDMLPluralRule = "other"> {
  readonly switch: SwitchWords<Category>;
}
