/**
 * What may be passed on when: one rate and one purse for all lanes of a page, shared fairly. Pure: time comes from outside.
 *
 * Both directions of all lanes count. Each of those who wait sends one message in turn.
 */

/** Bytes that may still be passed on, in small pieces that somebody else has set aside. */
export interface Purse {
  /** Takes `size` bytes, all of them or none. Later more may be there; then it calls `Throttle.pump`. */
  take(size: number): boolean;
}

/** One direction of one lane, with messages that wait. */
export interface Waiting {
  /** Bytes of the message that comes next, 0 when none waits any more. */
  readonly nextBytes: number;
  /** Sends that message. */
  sendNext(): void;
}

export interface Clock {
  /** Milliseconds that never go back. */
  now(): number;
  /** Calls back once, later; gives what undoes it. */
  later(delayMs: number, callback: () => void): () => void;
}

export const BROWSER_CLOCK: Clock = {
  now: () => performance.now(),
  later(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** What may be sent at once after a pause, as time at the rate: short, so that even a slow limit is felt at once. */
const BURST_MS = 100;
/** Timers of a page out of sight come once a second. What they bring late was waited for, so it is not lost. */
const LATE_MS = 2_000;

export class Throttle {
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  #purse: Purse | undefined;
  /** Bytes each millisecond, or undefined for as fast as it goes. */
  #rate: number | undefined;
  /** May be below zero: a message goes whole, and what it took too much is waited for. */
  #tokens = 0;
  #filledAt = 0;
  #disarm: (() => void) | undefined;

  constructor(clock: Clock = BROWSER_CLOCK) {
    this.#clock = clock;
  }

  /** Bytes each second, null for no limit. */
  set speed(bytesPerSecond: number | null) {
    const rate = bytesPerSecond === null ? undefined : bytesPerSecond / 1_000;
    if (rate === this.#rate) return;
    this.#fill();
    this.#tokens = Math.min(this.#tokens, (rate ?? 0) * BURST_MS);
    this.#rate = rate;
    this.pump();
  }

  /** Where bytes are taken from, undefined for no limit. */
  set purse(purse: Purse | undefined) {
    this.#purse = purse;
    this.pump();
  }

  /** Whether `size` bytes may go at once, and takes them. Never while others wait. */
  take(size: number): boolean {
    if (this.#waiting.length > 0) {
      // While a page is out of sight, what arrives comes sooner than the timer.
      this.pump();
      if (this.#waiting.length > 0) return false;
    }
    return this.#spend(size);
  }

  /** Queues for turns, until after one of them nothing waits there any more. */
  wait(one: Waiting): void {
    this.#fill();
    this.#waiting.push(one);
    this.#arm();
  }

  /** Lets go what may go now. */
  pump(): void {
    for (;;) {
      const one = this.#waiting[0];
      if (one === undefined) break;
      const size = one.nextBytes;
      if (size === 0) {
        this.#waiting.shift();
        continue;
      }
      if (!this.#spend(size)) break;
      this.#waiting.shift();
      one.sendNext();
      if (one.nextBytes > 0) this.#waiting.push(one);
    }
    this.#arm();
  }

  #spend(size: number): boolean {
    this.#fill();
    if (this.#rate !== undefined && this.#tokens <= 0) return false;
    if (this.#purse && !this.#purse.take(size)) return false;
    if (this.#rate !== undefined) this.#tokens -= size;
    return true;
  }

  #fill(): void {
    const now = this.#clock.now();
    if (this.#rate !== undefined) {
      const most = this.#rate * (this.#waiting.length > 0 ? LATE_MS : BURST_MS);
      const filled = this.#tokens + this.#rate * (now - this.#filledAt);
      this.#tokens = Math.min(filled, Math.max(most, this.#tokens));
    }
    this.#filledAt = now;
  }

  #arm(): void {
    this.#disarm?.();
    this.#disarm = undefined;
    // Whoever waits for the purse alone is called by it.
    if (this.#waiting.length === 0 || this.#rate === undefined || this.#tokens > 0) return;
    const delayMs = Math.ceil((1 - this.#tokens) / this.#rate);
    this.#disarm = this.#clock.later(delayMs, () => this.pump());
  }
}
