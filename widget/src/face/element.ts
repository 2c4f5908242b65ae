/** The custom element's class. Registering it is left to widget.ts, or to a page that wants another name. */

import type { Counts } from "../bridge/bridge.js";
import { NO_LIMITS, type Snapshot } from "../helping/snapshot.js";
import type { Reason, State } from "../helping/states.js";
import { Volunteer, type VolunteerOptions } from "../helping/volunteer.js";
import type { Borrowed } from "../helping/window.js";
import type { Driver } from "./details.js";
import { loadPart } from "./parts.js";
import { ENGLISH_SPEECH, Speaker } from "./speaker.js";
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

export type Layout = "panel" | "banner" | "badge" | "floating";
export type Theme = "auto" | "light" | "dark";

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
const LAYOUTS: readonly string[] = ["panel", "banner", "badge", "floating"] satisfies Layout[];
const THEMES: readonly string[] = ["auto", "light", "dark"] satisfies Theme[];
const PROPERTIES = ["operator", "maxReaders", "pauseHidden", "layout", "theme"] as const;

export class UnwalledBridgeElement extends HTMLElement {
  static readonly observedAttributes: readonly string[] = ["operator", "max-readers", "pause-hidden", "lang", "layout"];

  /** Used without an `operator` attribute: where the script came from. */
  static defaultOperator = "";

  readonly #view: View;
  readonly #speaker: Speaker;
  /** A new one each time that the element comes into a page. */
  #made: Driver | undefined;
  #state: State = "off";
  #reason: Reason = "";
  #numbersTimer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.#view = new View({
      root: this.attachShadow({ mode: "open", delegatesFocus: true }),
      speech: ENGLISH_SPEECH,
      driver: () => this.#driver,
      operator: () => this.operator,
    });
    this.#speaker = new Speaker(this, {
      loading: (loading) => (this.#view.waitingForWords = loading),
      chosen: (speech) => this.#view.speak(speech),
    });
  }

  /** What is going on; the `state` attribute says the same. */
  get state(): State {
    return this.#state;
  }

  /** Why, for `paused`, `unsupported` and `error`; else empty. */
  get reason(): Reason {
    return this.#reason;
  }

  get stats(): Stats {
    const { counts, since } = this.#driver.snapshot;
    return { ...counts, since: since === null ? null : new Date(since) };
  }

  /** Everything that is shown, as plain values that never change. */
  get snapshot(): Snapshot {
    return this.#driver.snapshot;
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
    const count = Math.floor(Number(this.getAttribute("max-readers") ?? NO_LIMITS.maxReaders));
    return Number.isNaN(count) ? NO_LIMITS.maxReaders : Math.min(NO_LIMITS.maxReaders, Math.max(1, count));
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

  get layout(): Layout {
    return oneOf(LAYOUTS, this.getAttribute("layout")) as Layout;
  }

  set layout(layout: Layout) {
    this.setAttribute("layout", layout);
  }

  get theme(): Theme {
    return oneOf(THEMES, this.getAttribute("theme")) as Theme;
  }

  set theme(theme: Theme) {
    this.setAttribute("theme", theme);
  }

  /** Turns the switch on. Only ever call it by the visitor's own will. Does nothing while it is on. */
  start(): void {
    if (this.isConnected) this.#driver.start();
  }

  /** Turns the switch off: every connection, timer and listener is gone when this returns. */
  stop(): void {
    this.#driver.stop();
  }

  /** Turns the switch on in a small window that another page has opened for it, within what that page lends. For the operator's own page. */
  borrow(loan: Borrowed): void {
    const driver = this.#driver;
    if (this.isConnected && driver instanceof Volunteer) driver.borrow(loan);
  }

  connectedCallback(): void {
    for (const name of PROPERTIES) this.#upgrade(name);
    this.#made?.end();
    this.#made = undefined;
    this.#view.layout = this.layout;
    this.#speaker.begin();
    this.#update();
  }

  disconnectedCallback(): void {
    this.#speaker.end();
    this.#driver.end();
    this.#view.end();
    this.#update();
  }

  attributeChangedCallback(name: string): void {
    if (name === "lang") this.#speaker.choose();
    else if (name === "layout") this.#view.layout = this.layout;
    else if (this.#made) {
      this.#made.operator = baseUrl(this.operator);
      this.#made.maxReaders = this.maxReaders;
      this.#made.pauseHidden = this.pauseHidden;
    }
  }

  get #driver(): Driver {
    return (this.#made ??= this.makeDriver());
  }

  /** Who helps. Another one may be shown in its place, by a class that extends this one. */
  protected makeDriver(): Driver {
    const options: VolunteerOptions = {
      operator: baseUrl(this.operator),
      maxReaders: this.maxReaders,
      pauseHidden: this.pauseHidden,
      loadEngine: () => loadPart("engine"),
      onChange: () => this.changed(),
    };
    return new Volunteer(options);
  }

  /** Shows what has changed. */
  protected changed(): void {
    if (this.#made) this.#update();
  }

  /** A property that was set before the script arrived hides the class's own; sets it anew, through the class. */
  #upgrade(name: (typeof PROPERTIES)[number]): void {
    const own = Object.getOwnPropertyDescriptor(this, name);
    if (!own) return;
    Reflect.deleteProperty(this, name);
    Reflect.set(this, name, own.value);
  }

  #update(): void {
    const snapshot = this.#driver.snapshot;
    const { on, state, reason } = snapshot;
    const previous = this.#state;
    const news = state !== previous || reason !== this.#reason;
    this.#state = state;
    this.#reason = reason;
    if (!on) {
      clearInterval(this.#numbersTimer);
      this.#numbersTimer = undefined;
    } else this.#numbersTimer ??= setInterval(() => document.hidden || this.#view.render(this.#driver.snapshot), NUMBERS_EVERY_MS);
    this.#view.render(snapshot);
    if (this.getAttribute("state") !== state) this.setAttribute("state", state);
    if (!news) return;
    const detail: StateChange = { state, previous, reason };
    this.dispatchEvent(new CustomEvent("statechange", { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "unwalled-bridge": UnwalledBridgeElement;
  }
}

/** The first of them where it is none of them. */
function oneOf(values: readonly string[], value: string | null): string | undefined {
  return value !== null && values.includes(value) ? value : values[0];
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
