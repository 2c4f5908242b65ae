/** The page that helps: a background page in Firefox, an offscreen document in Chrome. Nobody sees it. */

import * as engine from "../helping/engine.js";
import type { Snapshot } from "../helping/snapshot.js";
import { Volunteer } from "../helping/volunteer.js";
import { readOperator, writeOperator } from "./choice.js";
import { FACE, isWish, type News, type Sign, type Wish } from "./messages.js";
import { learnWords, titleOf } from "./title.js";

const NUMBERS_EVERY_MS = 1_000;

export interface HostOptions {
  /** Shows in the toolbar what is going on. */
  readonly show: (sign: Sign) => void;
  /** Called at first, and whenever helping or being looked at begins or ends. */
  readonly onBusy: (busy: boolean) => void;
}

export class Host {
  readonly #options: HostOptions;
  readonly #faces = new Set<ExtensionPort>();
  readonly #volunteer: Volunteer;
  #operator = readOperator();
  #shown = "";
  #busy: boolean | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#volunteer = new Volunteer({
      operator: this.#operator || undefined,
      maxReaders: 8,
      pauseHidden: false,
      loadEngine: () => Promise.resolve(engine),
      onChange: () => this.#changed(),
    });
    chrome.runtime.onConnect.addListener((port) => {
      if (port.name === FACE) this.#meet(port);
    });
    void learnWords().then(() => this.#changed());
    this.#changed();
  }

  get #news(): News {
    const { snapshot } = this.#volunteer;
    // It goes on without any window.
    return { operator: this.#operator, snapshot: { ...snapshot, abilities: { ...snapshot.abilities, window: false } } };
  }

  #meet(port: ExtensionPort): void {
    this.#faces.add(port);
    port.onMessage.addListener((message) => {
      if (isWish(message)) this.#fulfil(message);
    });
    port.onDisconnect.addListener(() => {
      this.#faces.delete(port);
      this.#changed();
    });
    this.#changed();
  }

  #fulfil(wish: Wish): void {
    const volunteer = this.#volunteer;
    switch (wish.do) {
      case "start":
        // Without an operator there is nobody to help.
        if (this.#operator) volunteer.start();
        break;
      case "stop":
      case "forget":
      case "check":
      case "dismissCaution":
      case "newLink":
        volunteer[wish.do]();
        break;
      case "set":
        volunteer.set(wish.wishes);
        break;
      case "keepHelping":
      case "keepNumbers":
      case "onlyKnown":
        volunteer[wish.do] = wish.value;
        break;
      case "operator":
        this.#choose(wish.value);
    }
    this.#changed();
  }

  /** Another newsroom is helped only when its own switch is turned on: the consent was for the other one. */
  #choose(operator: string): void {
    if (operator === this.#operator) return;
    this.#volunteer.stop();
    // Stopping takes it back only while the switch is on.
    this.#volunteer.keepHelping = false;
    this.#operator = operator;
    writeOperator(operator);
    this.#volunteer.operator = operator || undefined;
  }

  #changed(): void {
    const { snapshot } = this.#news;
    this.#tell();
    this.#sign(snapshot);
    const busy = snapshot.on || this.#faces.size > 0;
    if (busy === this.#busy) return;
    this.#busy = busy;
    this.#options.onBusy(busy);
    clearInterval(this.#timer);
    // Bytes grow without a word.
    if (busy) this.#timer = setInterval(() => this.#tell(), NUMBERS_EVERY_MS);
  }

  #tell(): void {
    for (const face of this.#faces) face.postMessage(this.#news);
  }

  #sign(snapshot: Snapshot): void {
    const sign: Sign = {
      kind: "sign",
      state: snapshot.state,
      readers: snapshot.counts.readers,
      title: titleOf(snapshot),
    };
    const shown = JSON.stringify(sign);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#options.show(sign);
  }
}
