/** What the element shows, inside its shadow root. Knows nothing of networks. */

import type { Counts } from "../bridge/bridge.js";
import type { Reason, Shown } from "../helping/states.js";
import { CSS } from "./style.js";
import { SWITCH as ENGLISH } from "../words/en.js";
import { fill, Language } from "../words/language.js";
import type { SwitchWords } from "../words/words.js";

let sheet: CSSStyleSheet | undefined;

/** A sheet made by script is allowed by a policy that forbids inline styles. One serves all elements of a page. */
function sharedSheet(): CSSStyleSheet {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export class View {
  readonly #panel: HTMLElement;
  readonly #label = make("span", { part: "label" });
  readonly #button: HTMLButtonElement;
  readonly #sentence = make("slot", { name: "sentence" });
  readonly #status: HTMLElement;
  readonly #carried: HTMLElement;
  #language = new Language("en");
  #words: SwitchWords = ENGLISH;

  constructor(root: ShadowRoot, onToggle: () => void) {
    root.adoptedStyleSheets = [sharedSheet()];
    const track = make("span", { part: "track", "aria-hidden": "true" }, make("span", { part: "thumb" }));
    this.#button = make(
      "button",
      { type: "button", role: "switch", part: "switch", "aria-checked": "false", "aria-describedby": "status sentence" },
      this.#label,
      track,
    );
    this.#button.addEventListener("click", onToggle);
    // The numbers stand outside of the live region, or a screen reader would never be silent.
    this.#status = make("p", { id: "status", part: "status", role: "status" });
    this.#carried = make("p", { part: "carried" });
    const sentence = make("p", { id: "sentence", part: "sentence" }, this.#sentence);
    this.#panel = make("div", { part: "panel" }, this.#button, sentence, this.#status, this.#carried);
    root.append(this.#panel);
    this.speak(this.#language, this.#words);
  }

  /** Shows everything in that language from the next `render` on. */
  speak(language: Language, words: SwitchWords): void {
    this.#language = language;
    this.#words = words;
    this.#panel.lang = language.tag;
    this.#panel.dir = language.direction;
    setText(this.#label, words.label);
    setText(this.#sentence, words.sentence);
  }

  /** Nothing is shown while `waiting`, in the space that it will take: words that change under the eye are not trusted. */
  set waitingForWords(waiting: boolean) {
    this.#panel.toggleAttribute("data-wordless", waiting);
  }

  render(shown: Shown, on: boolean, counts: Counts): void {
    this.#button.setAttribute("aria-checked", String(on));
    // Still in the tab order, so that someone who cannot see the page finds out why it cannot be turned on.
    this.#button.toggleAttribute("data-unable", shown.state === "unsupported");
    if (shown.state === "unsupported") this.#button.setAttribute("aria-disabled", "true");
    else this.#button.removeAttribute("aria-disabled");
    setText(this.#status, status(shown, counts, this.#words, this.#language));
    const sum = counts.bytesUp + counts.bytesDown;
    setText(this.#carried, sum === 0 ? "" : fill(this.#words.carried, { amount: this.#language.bytes(sum) }));
  }
}

function status({ state, reason }: Shown, { readers }: Counts, words: SwitchWords, language: Language): string {
  switch (state) {
    case "off":
    case "connecting":
    case "waiting":
      return words[state];
    case "helping":
      return language.count(words.helping, readers);
    case "paused":
    case "unsupported":
    case "error": {
      const reasons: Partial<Record<Reason, string>> = words[state];
      return reasons[reason] ?? "";
    }
  }
}

function setText(element: HTMLElement, text: string): void {
  // Writing the same words again would make some screen readers say them again.
  if (element.textContent !== text) element.textContent = text;
}
