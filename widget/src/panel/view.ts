/** The whole page in one language. */

import { make, setText } from "../face/dom.js";
import { Language } from "../words/language.js";
import { bridgesCard } from "./bridges.js";
import { Format, OWN_NAMES } from "./format.js";
import { helpCard } from "./help.js";
import { SpeedHistory } from "./history.js";
import { invitesCard } from "./invites.js";
import type { Ask, Loss } from "./link.js";
import type { Whole } from "./model.js";
import { newId, type Card, type Context } from "./parts.js";
import { programsCard } from "./programs.js";
import { rulesCard } from "./rules.js";
import { speedCard } from "./speed.js";
import { statusCard } from "./status.js";
import type { PanelWords } from "./words/words.js";

export interface ViewOptions {
  readonly tag: string;
  readonly words: PanelWords;
  readonly ask: Ask;
  /** All languages that there are words for. */
  readonly languages: readonly string[];
  /** Which was chosen, or "" for the browser's. */
  readonly chosen: string;
  readonly history: SpeedHistory;
}

export class View {
  readonly #cards: readonly Card[];
  readonly #lost = make("div", { class: "lost", role: "alert" });
  readonly #main: HTMLElement;
  readonly #version = make("bdi", { dir: "ltr" });
  readonly #words: PanelWords;

  /** Puts itself into the document, in the place of what is there. */
  constructor({ tag, words, ask, languages, chosen, history }: ViewOptions) {
    const language = new Language(tag);
    const context: Context = { words, language, format: new Format(language), ask };
    this.#words = words;
    const status = statusCard(context);
    const left = [bridgesCard(context), speedCard(context, history), programsCard(context)];
    const right = [rulesCard(context), invitesCard(context), helpCard(context)];
    this.#cards = [status, ...left, ...right];
    const column = (cards: readonly Card[]): HTMLElement => make("div", { class: "column" }, ...cards.map(({ element }) => element));
    this.#main = make("main", { hidden: "" }, status.element, make("div", { class: "columns" }, column(left), column(right)));
    const root = document.documentElement;
    root.lang = language.tag;
    root.dir = language.direction;
    const header = make("header", {}, make("h1", {}, "Unwalled"), languageChoice(words, languages, chosen, ask));
    const footer = make("footer", {}, make("p", {}, words.private), make("p", {}, this.#version));
    document.body.replaceChildren(header, this.#lost, this.#main, footer);
  }

  render(whole: Whole): void {
    this.#main.hidden = false;
    this.#main.inert = false;
    this.#lost.replaceChildren();
    setText(this.#version, `Unwalled ${whole.settings.version}`);
    for (const card of this.#cards) card.render(whole);
    document.title = `${this.#words.states[whole.snapshot.state]} · Unwalled`;
  }

  /** Says that what is shown is not so any more. */
  lose(loss: Loss): void {
    const { cause, remedy } = this.#words.lost[loss];
    const said = make("p", {}, make("strong", {}, cause), " ", make("span", {}, remedy));
    // What was said already is not said again.
    if (this.#lost.textContent !== said.textContent) this.#lost.replaceChildren(said);
    this.#main.inert = true;
    document.title = "Unwalled";
  }
}

function languageChoice(words: PanelWords, languages: readonly string[], chosen: string, ask: Ask): HTMLElement {
  const id = newId();
  const box = make(
    "select",
    { id, class: "input" },
    make("option", { value: "" }, words.automatic),
    ...languages.map((tag) => make("option", { value: tag, lang: tag }, OWN_NAMES[tag] ?? tag)),
  );
  box.value = chosen;
  // It is shown in that language once the program has remembered it.
  box.addEventListener("change", () => void ask("language", { language: box.value }).catch(() => (box.value = chosen)));
  return make("div", { class: "language" }, make("label", { for: id }, words.language), box);
}
