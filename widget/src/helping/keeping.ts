/** What this browser keeps for the site from one page to the next, if the visitor wants it to. docs/reference/widget.md lists it. */

import { NO_LIMITS, type Wishes } from "./snapshot.js";
import { isSecret } from "./swarm.js";
import { type Additions, emptyTally, type Kept, ofToday, readTally, together } from "./tally.js";
import { checkedWishes } from "./wishes.js";

/** Where texts are kept under names. Any of it may throw: storage can be refused, full or damaged. */
export interface TextStore {
  getItem(name: string): string | null;
  setItem(name: string, text: string): void;
  removeItem(name: string): void;
}

/** What the visitor has chosen. */
export interface Choices {
  readonly wishes: Wishes;
  readonly keepHelping: boolean;
  readonly keepNumbers: boolean;
  /** The word of caution was read. */
  readonly warned: boolean;
  /** The secret of the link for people whom the visitor knows, and whether they alone are helped. */
  readonly swarm: SwarmChoice | null;
}

export interface SwarmChoice {
  readonly secret: string;
  readonly on: boolean;
}

export const CHOICES_NAME = "unwalled-bridge";
/** Of the database with the months' sums, which vault.ts fills. */
export const VAULT_NAME = "unwalled-bridge";
const TALLY_NAME = "unwalled-bridge-numbers";
const ASKED_NAME = "unwalled-bridge-asked";
const VERSION = 1;

const NO_CHOICES: Choices = { wishes: NO_LIMITS, keepHelping: false, keepNumbers: false, warned: false, swarm: null };

export class Keeping {
  readonly #store: TextStore | undefined;
  readonly #freshSalt: () => string;
  readonly #session: TextStore | undefined;

  /**
   * @param store Undefined where nothing can be kept.
   * @param freshSalt 16 random bytes as b64.
   * @param session What is kept until the tab is closed.
   */
  constructor(store: TextStore | undefined, freshSalt: () => string, session?: TextStore) {
    this.#session = session;
    this.#store = store;
    this.#freshSalt = freshSalt;
  }

  get possible(): boolean {
    return this.#store !== undefined;
  }

  readChoices(): Choices {
    try {
      const { v, wishes, help, numbers, warned, swarm } = Object(JSON.parse(this.#read(CHOICES_NAME) ?? "null")) as Record<string, unknown>;
      if (v !== VERSION) return NO_CHOICES;
      return { wishes: checkedWishes(wishes), keepHelping: help === true, keepNumbers: numbers === true, warned: warned === true, swarm: readSwarm(swarm) };
    } catch {
      return NO_CHOICES;
    }
  }

  /** Without a choice that differs from what everybody has, nothing is kept. */
  writeChoices({ wishes, keepHelping, keepNumbers, warned, swarm }: Choices): void {
    const chosen = keepHelping || keepNumbers || swarm !== null || JSON.stringify(checkedWishes(wishes)) !== JSON.stringify(checkedWishes(undefined));
    if (!chosen) return this.#remove(CHOICES_NAME);
    this.#write(CHOICES_NAME, JSON.stringify({ v: VERSION, wishes, help: keepHelping, numbers: keepNumbers, warned, ...(swarm && { swarm }) }));
  }

  /** What is kept, or an empty tally. */
  readTally(now: Date): Kept {
    const kept = readTally(this.#read(TALLY_NAME));
    return kept ? ofToday(kept, now, this.#freshSalt) : emptyTally(now, this.#freshSalt());
  }

  /** Adds to what is kept, which another tab may have changed meanwhile. Gives the sum. */
  addToTally(before: Kept, more: Additions, now: Date): Kept {
    const kept = readTally(this.#read(TALLY_NAME)) ?? before;
    const sum = together(ofToday(kept, now, this.#freshSalt), more);
    this.#write(TALLY_NAME, JSON.stringify(sum));
    return sum;
  }

  forgetTally(): void {
    this.#remove(TALLY_NAME);
  }

  /** In this tab the visitor was asked before a page was closed on somebody. */
  get asked(): boolean {
    try {
      return this.#session?.getItem(ASKED_NAME) === "1";
    } catch {
      return false;
    }
  }

  /** For somebody who keeps helping from page to page, once is for all of them. Of others nothing is kept, not even that. */
  rememberAsked(): void {
    if (!this.readChoices().keepHelping) return;
    try {
      this.#session?.setItem(ASKED_NAME, "1");
    } catch {
      // Then the next page asks once more.
    }
  }

  #read(name: string): string | null {
    try {
      return this.#store?.getItem(name) ?? null;
    } catch {
      return null;
    }
  }

  #write(name: string, text: string): void {
    try {
      this.#store?.setItem(name, text);
    } catch {
      // Full or refused: it holds for this page, and the next one asks anew.
    }
  }

  #remove(name: string): void {
    try {
      this.#store?.removeItem(name);
    } catch {
      // As above.
    }
  }
}

function readSwarm(value: unknown): SwarmChoice | null {
  const { secret, on } = Object(value) as Partial<Record<keyof SwarmChoice, unknown>>;
  return isSecret(secret) ? { secret, on: on === true } : null;
}

/** The browser's own, or undefined where it is refused. Looking for it leaves nothing behind. */
export function browserStore(name: "localStorage" | "sessionStorage"): TextStore | undefined {
  try {
    return globalThis[name] ?? undefined;
  } catch {
    return undefined;
  }
}

const SALT_BYTES = 16;

export function freshSalt(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
