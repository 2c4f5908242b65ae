/** One tab of a browser helps at a time. The next one's turn comes when that one closes. */

export interface Locks {
  request(name: string, options: LockOptions, callback: (lock: Lock | null) => Promise<void> | void): Promise<unknown>;
}

const NAME = "unwalled-bridge";

export class Turn {
  readonly #locks: Locks | undefined;
  readonly #onChange: () => void;
  #wanting: AbortController | undefined;
  #release: (() => void) | undefined;
  #state: "none" | "asking" | "waiting" | "mine" = "none";

  /** @param locks Undefined where there are none (pages over plain http): then every tab helps for itself. */
  constructor(locks: Locks | undefined, onChange: () => void) {
    this.#locks = locks;
    this.#onChange = onChange;
  }

  get isMine(): boolean {
    return this.#state === "mine";
  }

  /** Another tab helps. Not so while it has only been asked whose turn it is. */
  get isAnothers(): boolean {
    return this.#state === "waiting";
  }

  /** Asks for a turn; `isMine` soon, or when the tabs before it have gone. */
  take(): void {
    if (this.#state !== "none") return;
    if (!this.#locks) {
      this.#become("mine");
      return;
    }
    this.#become("asking");
    const wanting = new AbortController();
    this.#wanting = wanting;
    void this.#ask(this.#locks, wanting.signal);
  }

  /** Lets the next one have its turn. */
  leave(): void {
    this.#wanting?.abort();
    this.#wanting = undefined;
    this.#state = "none";
    this.#release?.();
    this.#release = undefined;
  }

  async #ask(locks: Locks, signal: AbortSignal): Promise<void> {
    const hold = (): Promise<void> | void => {
      if (signal.aborted) return;
      return new Promise<void>((release) => {
        this.#release = release;
        this.#become("mine");
      });
    };
    try {
      const soon = (lock: Lock | null): Promise<void> | void => {
        if (lock) return hold();
        if (!signal.aborted) this.#become("waiting");
      };
      await locks.request(NAME, { ifAvailable: true }, soon);
      if (!signal.aborted) await locks.request(NAME, { signal }, hold);
    } catch {
      // Refused to this page altogether, as in a frame without an origin. Nor can other tabs hold one then.
      if (!signal.aborted) this.#become("mine");
    }
  }

  #become(state: "asking" | "waiting" | "mine"): void {
    this.#state = state;
    this.#onChange();
  }
}
