/**
 * This month's data: never more is passed on than the volunteer allows, whatever happens. Pure.
 *
 * What may be spent is written down as spent first, in small pieces, and only then passed on. A page that crashes loses the
 * rest of its piece; it never spends one twice. Tabs share one vault, whose steps nobody can come between.
 */

import { LIMITS } from "../bridge/limits.js";
import type { Purse } from "../bridge/throttle.js";
import { endOfMonth, monthOf } from "./wishes.js";

/** Where the month's sum is kept. Its promises reject when it cannot keep anything. */
export interface Vault {
  /**
   * Writes down `wanted` bytes as spent, or what is left below `most` if that is less, all in one step that is safe from
   * a crash before the promise resolves. Gives the bytes set aside, and the month's sum with them.
   */
  reserve(month: string, wanted: number, most: number): Promise<{ readonly granted: number; readonly spent: number }>;
  /** Takes back what was set aside and not passed on. */
  giveBack(month: string, bytes: number): Promise<void>;
}

const MOST_PIECE = 4 * 1024 * 1024;
const LEAST_PIECE = 128 * 1024;
/** Less than this is nothing: the next message may be as large, and nobody is to be let in and dropped again for a rest. */
const LEAST_LEFT = LIMITS.maxMessageBytes;

/** What the rest of the page needs to know of one. */
export interface MonthPurse extends Purse {
  /** Nothing more can be passed on this month. */
  readonly spent: boolean;
  /** Bytes that may still be passed on this month. */
  readonly left: number;
  /** Takes all that is left out of it, for somebody else who will spend it. */
  takeAll(): Promise<number>;
  /** Puts back what somebody else did not spend. */
  putBack(bytes: number): Promise<void>;
  /** Gives back what is not spent; nothing can be taken any more. */
  close(): void;
}

export interface MonthlyPurseOptions {
  readonly monthly: number;
  readonly vault: Vault;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** There is more to take, or nothing more will come: look at `spent`. */
  readonly onChange: () => void;
}

export class MonthlyPurse implements MonthPurse {
  readonly #options: MonthlyPurseOptions;
  readonly #piece: number;
  #month = "";
  #monthBeganAt = 0;
  #monthEndsAt = 0;
  /** Set aside and not passed on yet. */
  #held = 0;
  /** The month's sum in the vault, as far as this page knows. */
  #written = 0;
  #reserving = false;
  #dry = false;
  #closed = false;

  constructor(options: MonthlyPurseOptions) {
    this.#options = options;
    this.#piece = Math.min(MOST_PIECE, Math.max(LEAST_PIECE, Math.floor(options.monthly / 256)));
    this.#turnMonth();
    // Learns what is spent already.
    this.#reserve(0);
  }

  get spent(): boolean {
    this.#turnMonth();
    return this.#dry;
  }

  get left(): number {
    this.#turnMonth();
    return Math.max(0, this.#options.monthly - this.#written) + this.#held;
  }

  take(size: number): boolean {
    this.#turnMonth();
    if (this.#closed || this.#dry) return false;
    const enough = size <= this.#held;
    if (enough) this.#held -= size;
    if (this.#held < this.#piece / 2) this.#reserve(size);
    return enough;
  }

  async takeAll(): Promise<number> {
    const { granted, spent } = await this.#options.vault.reserve(this.#month, Number.MAX_SAFE_INTEGER, this.#options.monthly);
    this.#written = spent;
    return granted;
  }

  async putBack(bytes: number): Promise<void> {
    await this.#options.vault.giveBack(this.#month, bytes);
    if (this.#closed) return;
    this.#dry = false;
    this.#reserve(0);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const rest = this.#held;
    this.#held = 0;
    if (rest > 0) this.#options.vault.giveBack(this.#month, rest).catch(() => undefined);
  }

  #turnMonth(): void {
    const now = this.#options.now();
    // A clock that was set back brings back that month, with its own sum.
    if (now >= this.#monthBeganAt && now < this.#monthEndsAt) return;
    if (this.#held > 0) this.#options.vault.giveBack(this.#month, this.#held).catch(() => undefined);
    const moment = new Date(now);
    this.#month = monthOf(moment);
    this.#monthBeganAt = new Date(moment.getFullYear(), moment.getMonth(), 1).getTime();
    this.#monthEndsAt = endOfMonth(moment);
    this.#held = this.#written = 0;
    this.#dry = false;
  }

  #reserve(needed: number): void {
    if (this.#reserving || this.#closed) return;
    this.#reserving = true;
    void this.#ask(needed).finally(() => {
      this.#reserving = false;
      if (!this.#closed) this.#options.onChange();
    });
  }

  async #ask(needed: number): Promise<void> {
    const month = this.#month;
    const { monthly, vault } = this.#options;
    let granted = 0;
    try {
      const answer = await vault.reserve(month, needed === 0 ? 0 : Math.max(this.#piece, needed), monthly);
      granted = answer.granted;
      if (month !== this.#month) return void (await vault.giveBack(month, granted));
      if (this.#closed) return void (await vault.giveBack(month, granted));
      this.#written = answer.spent;
    } catch {
      // What cannot be written down cannot be promised.
      if (month === this.#month) this.#dry = true;
      return;
    }
    this.#held += granted;
    this.#dry = this.left < LEAST_LEFT;
  }
}

/** Keeps the sums as long as the page lives, where nothing else can be had. */
export class MemoryVault implements Vault {
  readonly #spent = new Map<string, number>();

  async reserve(month: string, wanted: number, most: number): Promise<{ granted: number; spent: number }> {
    const before = this.#spent.get(month) ?? 0;
    const granted = Math.max(0, Math.min(wanted, most - before));
    this.#spent.set(month, before + granted);
    return { granted, spent: before + granted };
  }

  async giveBack(month: string, bytes: number): Promise<void> {
    this.set(month, Math.max(0, (this.#spent.get(month) ?? 0) - bytes));
  }

  /** This is the month's sum; those of earlier months go. */
  set(month: string, spent: number): void {
    for (const earlier of this.#spent.keys()) if (earlier < month) this.#spent.delete(earlier);
    this.#spent.set(month, spent);
  }
}

/** What another page has lent. It knows no month: who lends has set it aside. */
export class LoanPurse implements MonthPurse {
  readonly #onChange: () => void;
  readonly #tell: (bytes: number) => void;
  /** What the lender was told that is left at least. */
  #told = Infinity;
  left: number;

  /**
   * @param tell Tells the lender what it may take back should this page close without a word. It is told before more than that is
   * passed on, and a piece early, so that even the last word may be lost.
   */
  constructor(bytes: number, onChange: () => void, tell: (bytes: number) => void) {
    this.left = bytes;
    this.#onChange = onChange;
    this.#tell = tell;
    this.#tellBelow(bytes);
  }

  get spent(): boolean {
    return this.left < LEAST_LEFT;
  }

  take(size: number): boolean {
    if (size > this.left) return false;
    this.left -= size;
    if (this.left < this.#told + MOST_PIECE + 2 * LEAST_LEFT) this.#tellBelow(this.left);
    if (this.spent) queueMicrotask(this.#onChange);
    return true;
  }

  async takeAll(): Promise<number> {
    const all = this.left;
    this.left = 0;
    return all;
  }

  async putBack(bytes: number): Promise<void> {
    this.left += bytes;
    this.#onChange();
  }

  close(): void {}

  #tellBelow(left: number): void {
    const least = Math.max(0, left - 2 * MOST_PIECE - LEAST_LEFT);
    if (least === this.#told) return;
    this.#told = least;
    this.#tell(least);
  }
}
