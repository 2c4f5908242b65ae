/** A volunteer: everything that helps from one page, behind one snapshot and a few setters. `face/` and `extension/` show it. */

import type { Counts } from "../bridge/bridge.js";
import { backoffMs } from "../bridge/backoff.js";
import { LIMITS } from "../bridge/limits.js";
import type * as engine from "./engine.js";
import type { Helper } from "./helper.js";
import { NO_LIMITS, type Snapshot, type Wishes } from "./snapshot.js";
import { shown, type BrokerPhase, type ErrorReason } from "./states.js";

/** What carries data. It is loaded when the switch is turned on. */
export type Engine = typeof engine;

export interface VolunteerOptions {
  /** Base URL of the operator, without a slash at its end; undefined when what the page says is no URL. */
  readonly operator: string | undefined;
  /** What the site allows; the volunteer may allow less. */
  readonly maxReaders: number;
  readonly pauseHidden: boolean;
  /** Loads what carries data. It rejects with an object whose `changed` is true when another try cannot help. */
  readonly loadEngine: () => Promise<Engine>;
  /** The snapshot has changed. Numbers that only grow (bytes, seconds) change without a word: look again when they are shown. */
  readonly onChange: () => void;
}

const NOTHING: Counts = { readers: 0, lanes: 0, bytesUp: 0, bytesDown: 0 };

export class Volunteer {
  readonly #options: VolunteerOptions;
  #operator: string | undefined;
  #siteReaders: number;
  #pauseHidden: boolean;
  #wishes: Wishes = NO_LIMITS;
  #on = false;
  #helper: Helper | undefined;
  /** Ends the wait for the engine. */
  #loading: AbortController | undefined;
  #notLoaded: ErrorReason | undefined;
  #failures = 0;
  #last: Counts = NOTHING;

  constructor(options: VolunteerOptions) {
    this.#options = options;
    this.#operator = options.operator;
    this.#siteReaders = options.maxReaders;
    this.#pauseHidden = options.pauseHidden;
  }

  get snapshot(): Snapshot {
    const counts = this.#helper?.counts ?? this.#last;
    const { state, reason } = shown({
      on: this.#on,
      supported: supported(),
      pause: this.#helper?.pause ?? "",
      broker: this.#broker,
      openLanes: counts.lanes,
    });
    return {
      on: this.#on,
      state,
      reason,
      until: null,
      counts,
      readers: [],
      since: this.#helper?.since.getTime() ?? null,
      tally: { today: counts.readers, ever: counts.readers, bytes: counts.bytesUp + counts.bytesDown, seconds: 0 },
      wishes: this.#wishes,
      left: null,
      abilities: { charging: false, metered: false, storage: false, window: false },
      keepHelping: false,
      keepNumbers: false,
      check: { state: "none" },
      caution: null,
      inWindow: false,
    };
  }

  /** The page names another operator: what is on starts anew with that one. */
  set operator(operator: string | undefined) {
    if (operator === this.#operator) return;
    this.#operator = operator;
    if (!this.#on) return;
    this.#halt();
    this.#run();
    this.#options.onChange();
  }

  /** What the site allows, 1 to 8. */
  set maxReaders(count: number) {
    this.#siteReaders = count;
    this.#applyReaders();
  }

  /** Whether the site wants help only while its page can be seen. */
  set pauseHidden(value: boolean) {
    this.#pauseHidden = value;
    if (this.#helper) this.#helper.pauseHidden = value;
  }

  /** Turns the switch on, by the visitor's own will. Does nothing while it is on or where the browser cannot help. */
  start(): void {
    if (this.#on || !supported()) return;
    this.#on = true;
    this.#run();
    this.#options.onChange();
  }

  /** Turns the switch off, by the visitor's own will. No connection or timer is left when it returns. */
  stop(): void {
    if (!this.#on) return;
    this.#on = false;
    this.#halt();
    this.#options.onChange();
  }

  /** The volunteer allows this much from now on. Values that make no sense are taken as no limit. */
  set(wishes: Partial<Wishes>): void {
    this.#wishes = { ...this.#wishes, ...wishes };
    this.#applyReaders();
    this.#options.onChange();
  }

  /** Whether the next page of this site starts to help by itself. Switching off takes it back. */
  set keepHelping(_value: boolean) {}

  /** Whether the tally outlives this page. Taking it back deletes what was kept. */
  set keepNumbers(_value: boolean) {}

  /** Deletes all that this browser keeps for this site: limits, numbers, and the wish to go on. */
  forget(): void {}

  /** "Can my connection help?" Asks the operator's own servers, and only now. The answer comes in the snapshot. */
  check(): void {}

  /** Opens a small window that helps in the place of this page. Call it from a click. */
  openWindow(): void {}

  /** The visitor has read the word of caution. */
  dismissCaution(): void {}

  /** The page lets go of it: nothing is left, and what the visitor wished for the next page stays. */
  end(): void {
    this.#on = false;
    this.#halt();
  }

  #applyReaders(): void {
    if (this.#helper) this.#helper.maxReaders = Math.min(this.#siteReaders, this.#wishes.maxReaders);
  }

  get #broker(): BrokerPhase {
    if (this.#operator === undefined) return { phase: "lost", reason: "operator" };
    if (this.#notLoaded) return { phase: "lost", reason: this.#notLoaded };
    return this.#helper?.broker ?? { phase: "connecting" };
  }

  #run(): void {
    if (this.#operator === undefined) return;
    const { signal } = (this.#loading = new AbortController());
    this.#options.loadEngine().then(
      (engine) => signal.aborted || this.#help(engine, this.#operator ?? ""),
      (error: { readonly changed?: boolean }) => signal.aborted || this.#notHelped(error.changed ? "version" : "unreachable", signal),
    );
  }

  #help(engine: Engine, operator: string): void {
    this.#notLoaded = undefined;
    this.#failures = 0;
    this.#helper = engine.help({
      operator,
      maxReaders: Math.min(this.#siteReaders, this.#wishes.maxReaders),
      pauseHidden: this.#pauseHidden,
      onChange: this.#options.onChange,
    });
    this.#options.onChange();
  }

  #notHelped(reason: ErrorReason, signal: AbortSignal): void {
    this.#notLoaded = reason;
    if (reason !== "version") {
      this.#failures += 1;
      const timer = setTimeout(() => this.#run(), backoffMs(this.#failures, Math.random(), LIMITS));
      signal.addEventListener("abort", () => clearTimeout(timer));
    }
    this.#options.onChange();
  }

  #halt(): void {
    this.#loading?.abort();
    this.#loading = undefined;
    this.#notLoaded = undefined;
    const helper = this.#helper;
    if (!helper) return;
    this.#last = { ...helper.counts, readers: 0, lanes: 0 };
    this.#helper = undefined;
    helper.end();
  }
}

function supported(): boolean {
  return typeof RTCPeerConnection === "function" && typeof WebSocket === "function";
}
