/** What the element shows, inside its shadow root: the switch in its layouts. Knows nothing of networks. */

import type { Snapshot } from "../helping/snapshot.js";
import { fill, type Language } from "../words/language.js";
import type { SwitchWords, Words } from "../words/words.js";
import type { Details, Driver } from "./details.js";
import { make, setText, sheet } from "./dom.js";
import { mark } from "./mark.js";
import { loadPart } from "./parts.js";
import { statusOf } from "./status.js";
import CSS from "./style.css";
import { Tries } from "./tries.js";

/** What is spoken: `whole` is undefined for English, whose further words lie in the part that shows them. */
export interface Speech {
  readonly language: Language;
  readonly words: SwitchWords;
  readonly whole: Words | undefined;
}

export interface ViewOptions {
  readonly root: ShadowRoot;
  readonly speech: Speech;
  /** Who helps, asked for anew each time. */
  readonly driver: () => Driver;
  readonly operator: () => string;
}

export class View {
  readonly #options: ViewOptions;
  readonly #label = make("span", { part: "label" });
  readonly #sentence = make("slot", { name: "sentence" });
  // The numbers stand outside of the live region, or a screen reader would never be silent.
  readonly #status = make("p", { id: "status", part: "status", role: "status" });
  readonly #carried = make("p", { part: "carried" });
  readonly #notice = make("div", { part: "notice", hidden: "" });
  readonly #more = make("button", { type: "button", part: "more", "aria-expanded": "false", "aria-controls": "details" });
  readonly #hide = make("button", { type: "button", part: "hide" });
  readonly #details = make("div", { id: "details", part: "details", hidden: "" });
  readonly #close = make("button", { type: "button", part: "close" });
  readonly #switch = make(
    "button",
    { type: "button", role: "switch", part: "switch", "aria-checked": "false", "aria-describedby": "status sentence" },
    mark(),
    this.#label,
    make("span", { part: "track", "aria-hidden": "true" }, make("span", { part: "thumb" })),
  );
  readonly #panel = make(
    "div",
    { id: "panel", part: "panel", role: "group" },
    make(
      "div",
      { part: "body" },
      make("div", { part: "head" }, this.#switch, this.#close),
      make("p", { id: "sentence", part: "sentence" }, this.#sentence),
      this.#notice,
      make("div", { part: "report" }, this.#status, this.#carried),
      make("div", { part: "foot" }, this.#more, this.#hide),
    ),
    this.#details,
  );
  readonly #pillText = make("span", {});
  readonly #pill = make(
    "button",
    { type: "button", part: "pill", "aria-expanded": "false", "aria-controls": "panel" },
    mark(),
    this.#pillText,
  );
  readonly #frame = make("div", { part: "frame" }, this.#pill, this.#panel);
  #speech: Speech;
  #snapshot: Snapshot | undefined;
  #hasPill = false;
  /** Ends what an open pill listens to. */
  #opened: AbortController | undefined;
  #wantsDetails = false;
  #shownDetails: Details | undefined;
  #shownCaution: Details | undefined;
  readonly #cautionTries = new Tries();

  constructor(options: ViewOptions) {
    const { root, driver } = (this.#options = options);
    root.adoptedStyleSheets = [sheet(CSS)];
    root.append(this.#frame);
    this.#switch.addEventListener("click", () => (driver().snapshot.on ? driver().stop() : driver().start()));
    this.#more.addEventListener("click", () => this.#toggleDetails(!this.#wantsDetails));
    this.#pill.addEventListener("click", () => (this.#opened ? this.closePill() : this.#openPill()));
    this.#close.addEventListener("click", () => {
      this.closePill();
      this.#pill.focus();
    });
    this.#hide.addEventListener("click", () => ((root.host as HTMLElement).hidden = true));
    this.#speech = options.speech;
    this.speak(options.speech);
  }

  /** Shows everything in that language. */
  speak(speech: Speech): void {
    this.#speech = speech;
    const { language, words } = speech;
    this.#frame.lang = language.tag;
    this.#frame.dir = language.direction;
    this.#panel.setAttribute("aria-label", words.label);
    this.#close.setAttribute("aria-label", words.close);
    setText(this.#label, words.label);
    setText(this.#sentence, words.sentence);
    setText(this.#more, words.details);
    setText(this.#hide, words.hide);
    this.#forgetDetails();
    if (this.#snapshot) this.render(this.#snapshot);
    if (this.#wantsDetails) void this.#showDetails();
  }

  /** Nothing is shown while `waiting`, in the space that it will take: words that change under the eye are not trusted. */
  set waitingForWords(waiting: boolean) {
    this.#frame.toggleAttribute("data-wordless", waiting);
  }

  /** `panel` and `banner` are always open; `badge` and `floating` are pills that open one. */
  set layout(layout: string) {
    this.#hasPill = layout === "badge" || layout === "floating";
    this.closePill();
    this.#pill.hidden = this.#close.hidden = !this.#hasPill;
    this.#hide.hidden = layout !== "floating";
    this.#panel.hidden = this.#hasPill;
    this.#panel.setAttribute("role", this.#hasPill ? "dialog" : "group");
    if (this.#snapshot) this.render(this.#snapshot);
  }

  render(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    const { language, words } = this.#speech;
    this.#switch.setAttribute("aria-checked", String(snapshot.on));
    // Still in the tab order, so that someone who cannot see the page finds out why it cannot be turned on.
    if (snapshot.state === "unsupported") this.#switch.setAttribute("aria-disabled", "true");
    else this.#switch.removeAttribute("aria-disabled");
    const status = statusOf(snapshot, words, language);
    setText(this.#status, status);
    setText(this.#pillText, snapshot.on ? status : words.label);
    const sum = snapshot.counts.bytesUp + snapshot.counts.bytesDown;
    setText(this.#carried, sum === 0 ? "" : fill(words.carried, { amount: language.bytes(sum) }));
    this.#shownDetails?.render(snapshot);
    if (snapshot.caution === null) this.#dropCaution();
    else if (this.#notice.hidden && this.#cautionTries.due(Date.now())) void this.#showCaution();
  }

  /** Lets go of everything that reaches out of the element. */
  end(): void {
    this.closePill();
    this.#forgetDetails();
  }

  #openPill(): void {
    const opened = (this.#opened = new AbortController());
    const { signal } = opened;
    this.#panel.hidden = false;
    this.#pill.setAttribute("aria-expanded", "true");
    const { left, right, top, bottom } = this.#pill.getBoundingClientRect();
    const rightHalf = left + right > innerWidth;
    this.#frame.toggleAttribute("data-end", rightHalf === (this.#speech.language.direction === "ltr"));
    this.#frame.toggleAttribute("data-up", top + bottom > innerHeight);
    this.#frame.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape") return;
        this.closePill();
        this.#pill.focus();
      },
      { signal },
    );
    document.addEventListener("pointerdown", (event) => event.composedPath().includes(this.#frame) || this.closePill(), { signal });
    this.#switch.focus();
  }

  /** A pill shows nothing but itself again. */
  closePill(): void {
    this.#opened?.abort();
    this.#opened = undefined;
    this.#pill.setAttribute("aria-expanded", "false");
    this.#panel.hidden = this.#hasPill;
  }

  #toggleDetails(wanted: boolean): void {
    this.#wantsDetails = wanted;
    this.#more.setAttribute("aria-expanded", String(wanted));
    if (wanted) void this.#showDetails();
    else this.#forgetDetails();
  }

  async #showDetails(): Promise<void> {
    const speech = this.#speech;
    const part = await loadPart("details").catch(() => undefined);
    if (!this.#wantsDetails || speech !== this.#speech || this.#shownDetails) return;
    this.#details.hidden = false;
    const { driver, operator, root } = this.#options;
    if (part) this.#shownDetails = part.showDetails(this.#details, { ...speech, driver: driver(), operator: operator(), root, loadPart });
    else setText(this.#details, speech.words.unavailable);
  }

  async #showCaution(): Promise<void> {
    this.#notice.hidden = false;
    const speech = this.#speech;
    let changed = false;
    const part = await loadPart("details").catch((error: { readonly changed?: boolean }) => void (changed = error.changed === true));
    if (this.#notice.hidden || speech !== this.#speech || this.#shownCaution) return;
    if (!part) {
      // A later render tries again: somebody whom it concerns must not miss it because the network failed for a moment.
      this.#notice.hidden = true;
      if (changed) this.#cautionTries.giveUp();
      else this.#cautionTries.failed(Date.now(), Math.random());
      return;
    }
    const { driver, operator, root } = this.#options;
    this.#shownCaution = part.showCaution(this.#notice, { ...speech, driver: driver(), operator: operator(), root, loadPart });
  }

  #dropCaution(): void {
    this.#shownCaution?.end();
    this.#shownCaution = undefined;
    this.#notice.hidden = true;
  }

  #forgetDetails(): void {
    this.#shownDetails?.end();
    this.#shownDetails = undefined;
    this.#details.hidden = true;
    this.#details.replaceChildren();
    this.#dropCaution();
  }
}
