/** The admin's page: logs in, and shows what the operator's API says of itself. */

import { make, marked, setText } from "../face/dom.js";
import { button, field, form, Note, submit } from "../panel/parts.js";
import { Api, Refused } from "./api.js";
import { about, Bridges, Figures, Readers } from "./figures.js";
import { Past } from "./history.js";
import { Invites } from "./invites.js";
import type { LiveView } from "./model.js";
import { State } from "./state.js";

const LIVE_MS = 5_000;
const PAST_MS = 60_000;
const TITLE = "Unwalled: operator";

class Page {
  readonly #api = new Api();
  readonly #lost = make("p", { class: "lost", role: "alert" });
  readonly #state = new State();
  readonly #figures = new Figures();
  readonly #bridges = new Bridges();
  readonly #readers = new Readers();
  readonly #past: Past;
  readonly #invites: Invites;
  readonly #foot = make("p", {});
  readonly #main: HTMLElement;
  readonly #out: HTMLButtonElement;
  #timers: ReturnType<typeof setInterval>[] = [];
  #isIn = false;

  constructor() {
    const fail = (error: unknown): void => this.#fail(error);
    this.#past = new Past(this.#api, fail);
    this.#invites = new Invites(this.#api, fail);
    const figures = make("section", { "aria-label": "Now" }, this.#figures.element);
    this.#main = make("main", {}, this.#state.element, figures, this.#past.element, make("div", { class: "columns" }, this.#bridges.element, this.#readers.element), this.#invites.element);
    this.#out = button("Log out", () => void this.#logOut(), "plain");
    this.#lost.hidden = true;
    document.addEventListener("visibilitychange", () => this.#pace());
  }

  async begin(): Promise<void> {
    try {
      this.#show(await this.#api.get<LiveView>("live"));
    } catch (error) {
      this.#fail(error);
    }
  }

  #show(live: LiveView): void {
    if (!this.#isIn) {
      this.#isIn = true;
      const head = make("header", {}, make("h1", {}, "Your operator"), this.#out);
      document.body.replaceChildren(head, this.#lost, this.#main, make("footer", {}, this.#foot));
      void this.#past.load();
      void this.#invites.load();
      this.#pace();
    }
    this.#lost.hidden = true;
    this.#main.removeAttribute("data-stale");
    document.title = live.state === "good" ? TITLE : `(!) ${TITLE}`;
    for (const part of [this.#state, this.#figures, this.#bridges, this.#readers]) part.render(live);
    setText(this.#foot, about(live));
  }

  /** A page that nobody looks at asks nothing. */
  #pace(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    if (!this.#isIn || document.visibilityState === "hidden") return;
    this.#timers = [setInterval(() => void this.begin(), LIVE_MS), setInterval(() => void this.#past.load(), PAST_MS)];
    void this.begin();
  }

  #fail(error: unknown): void {
    if (error instanceof Refused && error.status === 401) {
      this.#isIn = false;
      this.#pace();
      this.#askToken();
      return;
    }
    const [cause, remedy] = error instanceof Refused ? [error.message, error.remedy] : ["The page cannot show what the operator says.", "Load it again; it may be of another version."];
    this.#lost.replaceChildren(make("strong", {}, cause), ...marked(` ${remedy}${this.#isIn ? " The figures below are old." : ""}`));
    this.#lost.hidden = false;
    this.#main.setAttribute("data-stale", "");
    if (!this.#isIn) {
      const again = button("Try again", () => void this.begin());
      document.body.replaceChildren(make("header", {}, make("h1", {}, "Your operator")), this.#lost, make("main", {}, again));
    }
  }

  #askToken(): void {
    document.title = TITLE;
    const note = new Note();
    const token = field("input", "Admin token", { type: "password", autocomplete: "current-password", dir: "ltr" }, "`unwalled admin token` on the operator’s machine has shown it.");
    const enter = submit("Log in");
    const made = form(() => {
      if (enter.getAttribute("aria-disabled") === "true") return;
      enter.setAttribute("aria-disabled", "true");
      note.say("");
      void this.#api.logIn(token.input.value.trim()).then(
        () => this.begin(),
        (error: unknown) => note.say(error instanceof Refused ? `${error.message} ${error.status === 401 ? "Look at how it was copied." : error.remedy}` : "That did not work.", "bad"),
      ).finally(() => enter.removeAttribute("aria-disabled"));
    }, token.element, enter, note.element);
    const card = make("section", { class: "card door" }, make("h1", {}, "Your operator"), made);
    document.body.replaceChildren(make("main", {}, card));
    token.input.focus();
  }

  async #logOut(): Promise<void> {
    await this.#api.logOut().catch(() => {});
    this.#fail(new Refused(401, ""));
  }
}

void new Page().begin();
