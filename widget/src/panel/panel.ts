/** The reader's panel: takes the token out of the address, listens to the program, and shows what it says. */

import { choose } from "../words/language.js";
import { SpeedHistory } from "./history.js";
import { Link, type Loss } from "./link.js";
import type { Whole } from "./model.js";
import { tabStorage, takeToken } from "./token.js";
import { View } from "./view.js";
import { WORDS as ENGLISH } from "./words/en.js";
import type { PanelWords } from "./words/words.js";

/** Put in by scripts/build.mjs: every language but English, whose words are built in. */
declare const UNWALLED_PANEL_LANGUAGES: readonly string[];

const LANGUAGES = ["en", ...UNWALLED_PANEL_LANGUAGES];

async function load(tag: string): Promise<PanelWords> {
  if (tag === "en") return ENGLISH;
  const module = (await import(new URL(`words-${tag}.js`, import.meta.url).href)) as { readonly WORDS: PanelWords };
  return module.WORDS;
}

class Panel {
  readonly #history = new SpeedHistory();
  readonly #link: Link | undefined;
  #view: View | undefined;
  /** The language that is shown or on its way: the person's choice, and what it comes to. */
  #spoken = "";
  #whole: Whole | undefined;
  #loss: Loss | undefined;

  constructor(token: string | undefined) {
    if (token === undefined) {
      this.#lose("token");
      return;
    }
    this.#link = new Link(token, {
      heard: (whole) => {
        this.#whole = whole;
        this.#loss = undefined;
        this.#show();
      },
      lost: (loss) => this.#lose(loss),
    });
    this.#link.begin();
    addEventListener("languagechange", () => this.#show());
  }

  #lose(loss: Loss): void {
    this.#loss = loss;
    this.#show();
  }

  #show(): void {
    const chosen = this.#whole?.settings.language ?? "";
    const tag = choose(chosen ? [chosen] : navigator.languages, LANGUAGES);
    const spoken = `${chosen} ${tag}`;
    if (spoken !== this.#spoken) {
      this.#spoken = spoken;
      void this.#speak(tag, chosen, spoken);
    } else if (this.#view) {
      this.#render(this.#view);
    }
  }

  async #speak(tag: string, chosen: string, spoken: string): Promise<void> {
    const loaded = await load(tag).then((words) => ({ words, tag }), () => ({ words: ENGLISH, tag: "en" }));
    // Another language may have been chosen meanwhile.
    if (spoken !== this.#spoken) return;
    const wasChoosing = document.activeElement instanceof HTMLSelectElement;
    const ask = this.#link?.ask ?? (() => Promise.reject(new Error("There is no token.")));
    this.#view = new View({ ...loaded, ask, languages: LANGUAGES, chosen, history: this.#history });
    if (wasChoosing) document.querySelector("select")?.focus();
    this.#render(this.#view);
  }

  #render(view: View): void {
    if (this.#whole) view.render(this.#whole);
    if (this.#loss) view.lose(this.#loss);
  }
}

// The program opens the page anew with a new token where one is open already.
addEventListener("hashchange", () => location.reload());
new Panel(takeToken({ location, history, storage: tabStorage() }));
