/** What the panel's cards are built of: native controls with their labels, notes that are read aloud, and lists that stay. */

import { make, marked, setText } from "../face/dom.js";
import type { Language } from "../words/language.js";
import type { Format } from "./format.js";
import { Refusal, type Ask } from "./link.js";
import type { Whole } from "./model.js";
import type { PanelWords } from "./words/words.js";

export interface Context {
  readonly words: PanelWords;
  readonly language: Language;
  readonly format: Format;
  readonly ask: Ask;
}

export interface Card {
  readonly element: HTMLElement;
  render(whole: Whole): void;
}

let ids = 0;

export function newId(): string {
  ids += 1;
  return `p${ids}`;
}

/** A titled part of the page. */
export function card(name: string, title: string, ...content: readonly (Node | string)[]): HTMLElement {
  const id = newId();
  return make("section", { class: `card ${name}`, "aria-labelledby": id }, make("h2", { id }, title), ...content);
}

export function button(text: string, onClick: () => void, kind = ""): HTMLButtonElement {
  const made = make("button", { type: "button", class: `button ${kind}`.trim() }, text);
  made.addEventListener("click", onClick);
  return made;
}

/** A text that is read aloud when it changes. */
export class Note {
  readonly element = make("p", { class: "note", role: "status" });

  say(text: string, kind: "good" | "bad" | "" = ""): void {
    setText(this.element, text);
    this.element.dataset["kind"] = kind;
    // Words of the program itself are English whatever the page's language is.
    this.element.removeAttribute("lang");
  }

  /** Why something was not done: in the page's words where there are some, else in the program's. */
  refuse(error: unknown, { refusals }: PanelWords): void {
    const known: Readonly<Record<string, string>> = refusals;
    if (!(error instanceof Refusal)) return this.say(refusals.failed, "bad");
    const own = error.code === "failed" ? undefined : known[error.code];
    if (own !== undefined) return this.say(own, "bad");
    this.say(refusals.failed, "bad");
    const english = [error.message, error.remedy].filter((text) => text !== "").join(" ");
    if (english) this.element.append(" ", make("span", { lang: "en", dir: "ltr" }, english));
  }
}

/** Asks the program once at a time: until it has answered, the control rests. Gives whether it was done. */
export async function act(control: HTMLElement, note: Note, words: PanelWords, work: () => Promise<void>): Promise<boolean> {
  if (control.getAttribute("aria-disabled") === "true") return false;
  control.setAttribute("aria-disabled", "true");
  note.say("");
  try {
    await work();
    return true;
  } catch (error) {
    note.refuse(error, words);
    return false;
  } finally {
    control.removeAttribute("aria-disabled");
  }
}

export interface Toggle {
  readonly element: HTMLElement;
  show(on: boolean): void;
  set disabled(because: string);
}

/** A switch with a name and what it means. */
export function toggle(name: string, note: string, onChange: (on: boolean, control: HTMLElement) => void): Toggle {
  const [nameId, noteId] = [newId(), newId()];
  const small = make("small", { id: noteId }, note);
  const control = make(
    "button",
    { type: "button", role: "switch", class: "switch", "aria-checked": "false", "aria-labelledby": nameId, "aria-describedby": noteId },
    make("span", { class: "words" }, make("span", { id: nameId, class: "name" }, name), small),
    make("span", { class: "track", "aria-hidden": "true" }, make("span", { class: "thumb" })),
  );
  control.addEventListener("click", () => {
    if (!control.disabled) onChange(control.getAttribute("aria-checked") !== "true", control);
  });
  return {
    element: control,
    show: (on) => control.setAttribute("aria-checked", String(on)),
    set disabled(because: string) {
      control.disabled = because !== "";
      setText(small, because || note);
    },
  };
}

/** A text field with its label above it. */
export function field<K extends "input" | "textarea">(
  kind: K,
  label: string,
  attributes: Readonly<Record<string, string>>,
  note = "",
): { readonly element: HTMLElement; readonly input: HTMLElementTagNameMap[K] } {
  const [id, noteId] = [newId(), newId()];
  const input = make(kind, { id, class: "input", autocomplete: "off", spellcheck: "false", ...attributes });
  if (note) input.setAttribute("aria-describedby", noteId);
  const above = make("label", { for: id, class: "above" }, label);
  const element = make("div", { class: "field" }, above, input, ...(note ? [make("small", { id: noteId }, ...marked(note))] : []));
  return { element, input };
}

/** A form that does not leave the page. */
export function form(onSubmit: () => void, ...content: readonly Node[]): HTMLFormElement {
  const made = make("form", { novalidate: "" }, ...content);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    onSubmit();
  });
  return made;
}

export function submit(text: string): HTMLButtonElement {
  return make("button", { type: "submit", class: "button" }, text);
}

/** A text to be copied, and the button that does it. */
export function copyable(text: () => string, source: HTMLElement, note: Note, words: Pick<PanelWords, "copy" | "copied" | "byHand">): HTMLButtonElement {
  return button(words.copy, () => {
    void navigator.clipboard.writeText(text()).then(
      () => note.say(words.copied, "good"),
      () => {
        if (source instanceof HTMLTextAreaElement) source.select();
        else getSelection()?.selectAllChildren(source);
        note.say(words.byHand);
      },
    );
  });
}

/** A list that is made anew only when what it shows has changed; whoever was in it with the keyboard stays near. */
export class Listing<Item> {
  readonly element: HTMLUListElement;
  readonly #row: (item: Item, index: number) => HTMLElement;
  readonly #nearby: HTMLElement;
  #shown = "";

  constructor(name: string, nearby: HTMLElement, row: (item: Item, index: number) => HTMLElement) {
    this.element = make("ul", { class: name });
    this.#nearby = nearby;
    this.#row = row;
    nearby.tabIndex = -1;
  }

  render(items: readonly Item[]): void {
    const shown = JSON.stringify(items);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const wasIn = this.element.contains(document.activeElement);
    this.element.hidden = items.length === 0;
    this.element.replaceChildren(...items.map((item, index) => make("li", {}, this.#row(item, index))));
    if (wasIn) this.#nearby.focus();
  }
}

/** Values with their names. */
export class Facts {
  readonly element: HTMLElement;
  readonly #values: readonly HTMLElement[];

  constructor(names: readonly string[]) {
    this.#values = names.map(() => make("dd", {}));
    this.element = make("dl", { class: "facts" }, ...names.map((name, index) => make("div", {}, make("dt", {}, name), this.#values[index] ?? "")));
  }

  render(values: readonly string[]): void {
    for (const [index, element] of this.#values.entries()) setText(element, values[index] ?? "");
  }
}

/** Between parts of one line, where a language has a comma of its own. The browser's lists of a kind have none in Chinese. */
const COMMAS: Readonly<Record<string, string>> = { ar: "، ", fa: "، ", my: "၊ ", ur: "، ", "zh-Hans": "，", "zh-Hant": "，" };

/** Several parts in one line. */
export function joined(language: Language, parts: readonly string[]): string {
  return parts.join(COMMAS[language.tag] ?? ", ");
}
