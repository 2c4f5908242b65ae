/**
 * The small window that goes on helping when this page is left: this page's side. pages/window.ts is the other side.
 *
 * It is a page of the operator, so that it has other storage and other locks than this site. It gets the volunteer's limits and the
 * rest of this month's data lent, and gives back what is left.
 */

import type { Wishes } from "./snapshot.js";

/** What the browser gives; tests bring their own. */
export interface Windows {
  /** Null when the browser does not allow it. */
  open(url: string): OpenWindow | null;
  /** A message from any other window. Gives what ends that. */
  onMessage(heard: (message: HeardMessage) => void): () => void;
}

export interface OpenWindow {
  readonly closed: boolean;
  postMessage(message: unknown, targetOrigin: string): void;
  close(): void;
}

export interface HeardMessage {
  readonly data: unknown;
  readonly origin: string;
  readonly source: unknown;
}

/** What one window lends to another. */
export interface Loan {
  readonly wishes: Wishes;
  /** Bytes that may be passed on this month, or null for no limit. */
  readonly bytes: number | null;
}

/** What the window does with it. */
export interface Borrowed extends Loan {
  /** The lender is another site, which cannot loosen what the visitor has set at the operator's own. */
  readonly isForeign: boolean;
  /** Tells the lender what is left at least. */
  readonly tellLeft: (bytes: number) => void;
}

export type FromWindow =
  | { readonly unwalled: "here" }
  | { readonly unwalled: "helping" }
  | { readonly unwalled: "left"; readonly bytes: number }
  | { readonly unwalled: "gone" | "off"; readonly bytes: number | null };

export type ToWindow = { readonly unwalled: "help"; readonly loan: Loan } | { readonly unwalled: "wishes"; readonly wishes: Wishes };

export const BROWSER_WINDOWS: Windows = {
  open: (url) => open(url, "unwalled-bridge", "popup,width=420,height=600"),
  onMessage(heard) {
    const listening = new AbortController();
    addEventListener("message", heard, listening);
    return () => listening.abort();
  },
};

/** Windows do not tell that they were closed, nor that they went elsewhere. */
const LOOK_EVERY_MS = 2_000;
/** A window that has not said a word for so long does not help. One out of sight may speak once a minute only. */
const SILENCE_MS = 150_000;

export interface SmallWindowOptions {
  readonly operator: string;
  readonly windows: Windows;
  /** Milliseconds. */
  readonly now: () => number;
  /** Sets aside what the window may pass on. */
  readonly lend: () => Promise<Loan>;
  readonly takeBack: (bytes: number) => void;
  /** The visitor has switched off in the window. */
  readonly onOff: () => void;
  /** `helps` has changed. */
  readonly onChange: () => void;
}

export class SmallWindow {
  readonly #options: SmallWindowOptions;
  readonly #origin: string;
  readonly #stopHearing: () => void;
  #window: OpenWindow | undefined;
  #looking: ReturnType<typeof setInterval> | undefined;
  #heardAt = 0;
  #lentBytes = 0;
  /** What comes back when it closes without a word, at least. */
  #leftBytes = 0;

  constructor(options: SmallWindowOptions) {
    this.#options = options;
    this.#origin = new URL(options.operator).origin;
    this.#stopHearing = options.windows.onMessage((message) => this.#hear(message));
  }

  /** A small window helps in the place of this page. */
  get helps(): boolean {
    return this.#heardAt > 0;
  }

  /** Call it from a click, or browsers refuse. */
  open(): void {
    const opened = this.#options.windows.open(`${this.#options.operator}/window`);
    if (opened) this.#watch(opened);
  }

  /** From now on these hold in the window. */
  tell(wishes: Wishes): void {
    if (this.helps) this.#say({ unwalled: "wishes", wishes });
  }

  /** Closes the window: the visitor has switched off. */
  close(): void {
    this.#window?.close();
  }

  /** This page lets go of it; the window goes on. */
  end(): void {
    clearInterval(this.#looking);
    this.#stopHearing();
  }

  #watch(opened: OpenWindow): void {
    this.#window = opened;
    clearInterval(this.#looking);
    this.#looking = setInterval(() => {
      if (opened.closed || (this.helps && this.#options.now() - this.#heardAt > SILENCE_MS)) this.#gone();
    }, LOOK_EVERY_MS);
  }

  #hear({ data, origin, source }: HeardMessage): void {
    if (origin !== this.#origin || typeof data !== "object" || data === null) return;
    const { unwalled, bytes } = data as { unwalled?: unknown; bytes?: unknown };
    if (unwalled === "here") {
      // Only who was asked to come gets anything lent.
      if (source === this.#window) void this.#lend();
    } else if (unwalled === "helping") {
      // Also one that an earlier page of this tab has opened.
      if (source !== this.#window) this.#watch(source as OpenWindow);
      this.#helping();
    } else if (unwalled === "left" && source === this.#window) {
      if (typeof bytes === "number" && bytes >= 0) this.#leftBytes = Math.min(bytes, this.#lentBytes);
    } else if ((unwalled === "gone" || unwalled === "off") && this.helps && (source === this.#window || (source === null && this.#window?.closed))) {
      // What a window says while it is closed comes from nobody any more.
      if (typeof bytes === "number" && bytes > 0) this.#options.takeBack(Math.min(bytes, this.#lentBytes));
      this.#lentBytes = this.#leftBytes = 0;
      this.#heardAt = 0;
      this.#options.onChange();
      // Off is off, wherever the visitor says so.
      if (unwalled === "off") this.#options.onOff();
    }
  }

  async #lend(): Promise<void> {
    try {
      const loan = await this.#options.lend();
      this.#lentBytes = loan.bytes ?? 0;
      this.#leftBytes = 0;
      this.#say({ unwalled: "help", loan });
    } catch {
      // What could not be set aside cannot be lent; this page goes on by itself.
    }
  }

  #helping(): void {
    const before = this.helps;
    this.#heardAt = this.#options.now();
    if (!before) this.#options.onChange();
  }

  #gone(): void {
    clearInterval(this.#looking);
    this.#window = undefined;
    if (this.#leftBytes > 0) this.#options.takeBack(this.#leftBytes);
    this.#lentBytes = this.#leftBytes = 0;
    if (!this.helps) return;
    this.#heardAt = 0;
    this.#options.onChange();
  }

  #say(message: ToWindow): void {
    this.#window?.postMessage(message, this.#origin);
  }
}
