/** Which language the element speaks, kept right while the page changes: its words are loaded when they are needed. */

import { SWITCH as ENGLISH } from "../words/en.js";
import { choose, Language } from "../words/language.js";
import { loadPart, PART_NAMES } from "./parts.js";
import type { Speech } from "./view.js";

const WORDS = "words-";
const AVAILABLE = ["en", ...PART_NAMES.filter((name) => name.startsWith(WORDS)).map((name) => name.slice(WORDS.length))];

export interface Listener {
  /** Words of another language are on their way, or no longer. */
  loading(loading: boolean): void;
  chosen(speech: Speech): void;
}

/** What is built in. */
export const ENGLISH_SPEECH: Speech = { language: new Language("en"), words: ENGLISH, whole: undefined };

export class Speaker {
  readonly #element: Element;
  readonly #listener: Listener;
  #listening: AbortController | undefined;
  #tag = "en";

  constructor(element: Element, listener: Listener) {
    this.#element = element;
    this.#listener = listener;
  }

  begin(): void {
    this.end();
    const listening = (this.#listening = new AbortController());
    addEventListener("languagechange", () => this.choose(), { signal: listening.signal });
    const observer = new MutationObserver(() => this.choose());
    observer.observe(this.#element.ownerDocument, { subtree: true, attributes: true, attributeFilter: ["lang"] });
    listening.signal.addEventListener("abort", () => observer.disconnect());
    this.choose();
  }

  end(): void {
    this.#listening?.abort();
    this.#listening = undefined;
  }

  /** Looks anew which language is wanted. */
  choose(): void {
    if (!this.#listening) return;
    const tag = choose(wished(this.#element), AVAILABLE);
    if (tag === this.#tag) return;
    this.#tag = tag;
    void this.#speak(tag);
  }

  async #speak(tag: string): Promise<void> {
    let speech = ENGLISH_SPEECH;
    if (tag !== "en") {
      this.#listener.loading(true);
      try {
        const whole = (await loadPart(`${WORDS}${tag}`)).WORDS;
        speech = { language: new Language(tag), words: whole.switch, whole };
      } catch {
        // English is what there is.
      }
    }
    // Another language may have been chosen meanwhile.
    if (tag !== this.#tag) return;
    this.#listener.loading(false);
    this.#listener.chosen(speech);
  }
}

/** The element's own language and those around it, then the visitor's. */
function wished(element: Element): string[] {
  const tags: string[] = [];
  for (let at: Element | null = element; at; at = parent(at)) {
    const tag = at.getAttribute("lang");
    if (tag) {
      tags.push(tag);
      break;
    }
  }
  return [...tags, ...navigator.languages];
}

/** Inside of a shadow root it goes on outside. */
function parent(element: Element): Element | null {
  if (element.parentElement) return element.parentElement;
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? root.host : null;
}
