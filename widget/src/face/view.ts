/** What the element shows, inside its shadow root. Knows nothing of networks. */

import type { Counts } from "../bridge/bridge.js";
import type { Shown } from "../helping/states.js";
import { CSS } from "./style.js";
import type { Texts } from "../words/en.js";

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
  readonly #texts: Texts;
  readonly #button: HTMLButtonElement;
  readonly #status: HTMLElement;
  readonly #carried: HTMLElement;

  constructor(root: ShadowRoot, texts: Texts, onToggle: () => void) {
    this.#texts = texts;
    root.adoptedStyleSheets = [sharedSheet()];
    const track = make("span", { part: "track", "aria-hidden": "true" }, make("span", { part: "thumb" }));
    this.#button = make(
      "button",
      { type: "button", role: "switch", part: "switch", "aria-checked": "false", "aria-describedby": "status sentence" },
      make("span", { part: "label" }, texts.label),
      track,
    );
    this.#button.addEventListener("click", onToggle);
    // The numbers stand outside of the live region, or a screen reader would never be silent.
    this.#status = make("p", { id: "status", part: "status", role: "status" });
    this.#carried = make("p", { part: "carried" });
    const sentence = make("p", { id: "sentence", part: "sentence" }, make("slot", { name: "sentence" }, texts.sentence));
    root.append(make("div", { part: "panel" }, this.#button, sentence, this.#status, this.#carried));
  }

  render(shown: Shown, on: boolean, counts: Counts): void {
    this.#button.setAttribute("aria-checked", String(on));
    // Still in the tab order, so that someone who cannot see the page finds out why it cannot be turned on.
    this.#button.toggleAttribute("data-unable", shown.state === "unsupported");
    if (shown.state === "unsupported") this.#button.setAttribute("aria-disabled", "true");
    else this.#button.removeAttribute("aria-disabled");
    setText(this.#status, this.#texts.status(shown, counts));
    setText(this.#carried, this.#texts.carried(counts));
  }
}

function setText(element: HTMLElement, text: string): void {
  // Writing the same words again would make some screen readers say them again.
  if (element.textContent !== text) element.textContent = text;
}
