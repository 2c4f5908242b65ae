/** The custom element's class. Registering it is left to widget.ts, or to a page that wants another name. */

import type { Counts } from "../bridge/bridge.js";
import { BROWSER_NET } from "../bridge/broker.js";
import { Helper } from "../helping/helper.js";
import { BROWSER_TRANSPORTS } from "../bridge/lane.js";
import { LIMITS } from "../bridge/limits.js";
import { shown, type Reason, type Shown, type State } from "../helping/states.js";
import { Speaker } from "./speaker.js";
import { View } from "./view.js";

export interface StateChange {
  readonly state: State;
  readonly previous: State;
  /** Why, for `paused`, `unsupported` and `error`; else empty. */
  readonly reason: Reason;
}

export interface Stats extends Counts {
  /** When the switch was turned on, or null while it is off. Bytes are counted from there, and kept when it goes off. */
  readonly since: Date | null;
}

export interface UnwalledBridgeEventMap extends HTMLElementEventMap {
  statechange: CustomEvent<StateChange>;
}

export interface UnwalledBridgeElement {
  addEventListener<K extends keyof UnwalledBridgeEventMap>(
    type: K,
    listener: (this: UnwalledBridgeElement, event: UnwalledBridgeEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof UnwalledBridgeEventMap>(
    type: K,
    listener: (this: UnwalledBridgeElement, event: UnwalledBridgeEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | EventListenerOptions): void;
}

const NUMBERS_EVERY_MS = 1_000;

export class UnwalledBridgeElement extends HTMLElement {
  static readonly observedAttributes: readonly string[] = ["operator", "max-readers", "pause-hidden", "lang"];

  /** Used without an `operator` attribute: where the script came from. */
  static defaultOperator = "";

  readonly #view: View;
  readonly #speaker: Speaker;
  #helper: Helper | undefined;
  #badOperator = false;
  #shown: Shown = { state: "off", reason: "" };
  #last: Counts = { readers: 0, lanes: 0, bytesUp: 0, bytesDown: 0 };
  #numbersTimer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.#view = new View(this.attachShadow({ mode: "open", delegatesFocus: true }), () => {
      if (this.#on) this.stop();
      else this.start();
    });
    this.#speaker = new Speaker(this, {
      loading: (loading) => (this.#view.waitingForWords = loading),
      chosen: (language, words) => {
        this.#view.speak(language, words);
        this.#render();
      },
    });
  }

  /** What is going on; the `state` attribute says the same. */
  get state(): State {
    return this.#shown.state;
  }

  /** Why, for `paused`, `unsupported` and `error`; else empty. */
  get reason(): Reason {
    return this.#shown.reason;
  }

  get stats(): Stats {
    return { ...this.#counts, since: this.#helper?.since ?? null };
  }

  /** Base URL of the operator that is helped. Changing it while helping starts anew with the new one. */
  get operator(): string {
    return this.getAttribute("operator") ?? UnwalledBridgeElement.defaultOperator;
  }

  set operator(url: string) {
    this.setAttribute("operator", url);
  }

  /** Readers helped at once, 1 to 8. */
  get maxReaders(): number {
    const count = Math.floor(Number(this.getAttribute("max-readers") ?? LIMITS.maxReaders));
    return Number.isNaN(count) ? LIMITS.maxReaders : Math.min(LIMITS.maxReaders, Math.max(1, count));
  }

  set maxReaders(count: number) {
    this.setAttribute("max-readers", String(count));
  }

  /** Helps only while the page can be seen. */
  get pauseHidden(): boolean {
    return this.hasAttribute("pause-hidden");
  }

  set pauseHidden(value: boolean) {
    this.toggleAttribute("pause-hidden", value);
  }

  /** Turns the switch on. Only ever call it by the visitor's own will. Does nothing while it is on. */
  start(): void {
    if (this.#on || !supported() || !this.isConnected) return;
    const operator = baseUrl(this.operator);
    this.#badOperator = operator === undefined;
    if (operator !== undefined) {
      this.#helper = new Helper({
        operator,
        maxReaders: this.maxReaders,
        pauseHidden: this.pauseHidden,
        net: BROWSER_NET,
        transports: BROWSER_TRANSPORTS,
        onChange: () => this.#update(),
      });
      this.#numbersTimer = setInterval(() => document.hidden || this.#render(), NUMBERS_EVERY_MS);
    }
    this.#update();
  }

  /** Turns the switch off: every connection, timer and listener is gone when this returns. */
  stop(): void {
    clearInterval(this.#numbersTimer);
    const helper = this.#helper;
    if (helper) this.#last = { ...helper.counts, readers: 0, lanes: 0 };
    this.#helper = undefined;
    this.#badOperator = false;
    helper?.end();
    this.#update();
  }

  connectedCallback(): void {
    for (const name of ["operator", "maxReaders", "pauseHidden"] as const) this.#upgrade(name);
    this.#speaker.begin();
    this.#update();
  }

  disconnectedCallback(): void {
    this.#speaker.end();
    this.stop();
  }

  attributeChangedCallback(name: string): void {
    if (name === "lang") this.#speaker.choose();
    if (!this.#on) return;
    if (name === "operator") {
      this.stop();
      this.start();
    } else if (this.#helper) {
      this.#helper.maxReaders = this.maxReaders;
      this.#helper.pauseHidden = this.pauseHidden;
    }
  }

  get #on(): boolean {
    return this.#helper !== undefined || this.#badOperator;
  }

  get #counts(): Counts {
    return this.#helper?.counts ?? this.#last;
  }

  /** A property that was set before the script arrived hides the class's own; sets it anew, through the class. */
  #upgrade(name: "operator" | "maxReaders" | "pauseHidden"): void {
    const own = Object.getOwnPropertyDescriptor(this, name);
    if (!own) return;
    Reflect.deleteProperty(this, name);
    Reflect.set(this, name, own.value);
  }

  #update(): void {
    const previous = this.#shown;
    this.#shown = shown({
      on: this.#on,
      supported: supported(),
      pause: this.#helper?.pause ?? "",
      broker: this.#badOperator ? { phase: "lost", reason: "operator" } : (this.#helper?.broker ?? { phase: "connecting" }),
      openLanes: this.#counts.lanes,
    });
    this.#render();
    const { state, reason } = this.#shown;
    if (this.getAttribute("state") !== state) this.setAttribute("state", state);
    if (state === previous.state && reason === previous.reason) return;
    const detail: StateChange = { state, previous: previous.state, reason };
    this.dispatchEvent(new CustomEvent("statechange", { detail, bubbles: true, composed: true }));
  }

  #render(): void {
    this.#view.render(this.#shown, this.#on, this.#counts);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "unwalled-bridge": UnwalledBridgeElement;
  }
}

function supported(): boolean {
  return typeof RTCPeerConnection === "function" && typeof WebSocket === "function";
}

/** Without query, fragment, credentials and slash at the end; undefined for what no operator can have. */
function baseUrl(text: string): string | undefined {
  try {
    const { protocol, origin, pathname } = new URL(text, document.baseURI);
    return protocol === "https:" || protocol === "http:" ? origin + pathname.replace(/\/+$/, "") : undefined;
  } catch {
    return undefined;
  }
}
