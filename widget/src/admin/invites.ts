/** The invites that were given out: list, make, withdraw. */

import { make, setText } from "../face/dom.js";
import { button, card, copyable, field, form, newId, Note, submit } from "../panel/parts.js";
import { Refused, type Api } from "./api.js";
import type { Invite, InvitePage, MadeInvite } from "./model.js";
import { day, plural } from "./say.js";

const DAY_S = 86_400;
const LIFETIMES: readonly (readonly [string, number])[] = [
  ["30 days", 30 * DAY_S],
  ["90 days", 90 * DAY_S],
  ["a year", 365 * DAY_S],
  ["no end", 0],
];
const PAGE = 50;
const COPY = { copy: "Copy", copied: "Copied.", byHand: "Copying is not allowed here. The text is marked: copy it with your keyboard." };

/** How an invite stands, in words. */
export function standing({ revoked, is_over: isOver, expires }: Invite): string {
  if (revoked) return "withdrawn";
  if (isOver) return "over";
  return expires ? `until ${day(expires)}` : "no end";
}

export class Invites {
  readonly element: HTMLElement;
  readonly #api: Api;
  readonly #lost: (error: unknown) => void;
  readonly #list = make("ul", { class: "rows" });
  readonly #total = make("p", { class: "quiet", tabindex: "-1" });
  readonly #note = new Note();
  readonly #more: HTMLButtonElement;
  readonly #made = make("div", { class: "made" });
  #shown: Invite[] = [];
  #next: number | null = null;

  constructor(api: Api, lost: (error: unknown) => void) {
    this.#api = api;
    this.#lost = lost;
    const label = field("input", "A note for you", { type: "text", maxlength: "100" }, "Readers never see it. It should name nobody: “choir”, “handed out on Friday”.");
    const id = newId();
    const choices = LIFETIMES.map(([name, lifetime]) => make("option", { value: String(lifetime) }, name));
    const lifetime = make("select", { id, class: "input" }, ...choices);
    const ends = make("div", { class: "field short" }, make("label", { for: id, class: "above" }, "Good for"), lifetime);
    const add = submit("Make an invite");
    const maker = form(() => void this.#make(add, label.input, Number(lifetime.value)), make("div", { class: "joined" }, label.element, ends, add));
    this.#more = button("Show more", () => void this.load(this.#next ?? 0), "plain");
    this.#made.hidden = true;
    this.element = card("invites", "Invites", maker, this.#note.element, this.#made, this.#total, this.#list, this.#more);
  }

  async load(offset = 0): Promise<void> {
    try {
      const page = await this.#api.get<InvitePage>(`invites?offset=${offset}&limit=${PAGE}`);
      this.#shown = offset ? [...this.#shown, ...page.invites] : [...page.invites];
      this.#next = page.next;
      setText(this.#total, page.total ? `${plural(page.total, "invite")} so far, the oldest first.` : "No invite was made yet.");
      this.#render();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #render(): void {
    this.#more.hidden = this.#next === null;
    this.#list.hidden = this.#shown.length === 0;
    this.#list.replaceChildren(...this.#shown.map((invite) => this.#row(invite)));
  }

  #row(invite: Invite): HTMLElement {
    const isGood = !invite.revoked && !invite.is_over;
    const name = make("span", { class: "name" }, invite.label || "without a note");
    const facts = make("span", { class: "quiet" }, `${standing(invite)}; made ${day(invite.created)}; `, make("code", {}, invite.id));
    const row = make("li", { class: "row line", ...(isGood ? {} : { "data-over": "" }) }, make("span", { class: "texts" }, name, facts));
    if (isGood) row.append(this.#withdraw(invite));
    return row;
  }

  /** What cannot be undone is asked for twice. */
  #withdraw(invite: Invite): HTMLButtonElement {
    const named = invite.label || invite.id;
    const made = button("Withdraw", () => {
      if (made.dataset["sure"] === undefined) {
        made.dataset["sure"] = "";
        made.textContent = "Withdraw for ever?";
        made.setAttribute("aria-label", `Withdraw ${named} for ever?`);
        return;
      }
      void this.#remove(made, invite);
    });
    made.setAttribute("aria-label", `Withdraw ${named}`);
    made.addEventListener("blur", () => {
      delete made.dataset["sure"];
      made.textContent = "Withdraw";
      made.setAttribute("aria-label", `Withdraw ${named}`);
    });
    return made;
  }

  async #remove(control: HTMLButtonElement, invite: Invite): Promise<void> {
    await this.#once(control, async () => {
      await this.#api.post(`invites/${invite.id}/revoke`);
      this.#shown = this.#shown.map((one) => (one.id === invite.id ? { ...one, revoked: true } : one));
      this.#render();
      this.#total.focus();
      this.#note.say("It was withdrawn. Who reads with it now goes on until they start anew.", "good");
    });
  }

  async #make(control: HTMLButtonElement, label: HTMLInputElement, lifetime: number): Promise<void> {
    await this.#once(control, async () => {
      const made = await this.#api.post<MadeInvite>("invites", { label: label.value.trim(), lifetime_s: lifetime });
      label.value = "";
      this.#show(made);
      await this.load();
    });
  }

  #show({ link, expires }: MadeInvite): void {
    const area = field("textarea", "The invite’s link", { readonly: "", rows: "3", dir: "ltr" }, `Copy it now: it is shown only this once. Who has it can read${expires ? `, until ${day(expires)}` : ""}.`);
    area.input.value = link;
    const note = new Note();
    const copy = copyable(() => link, area.input, note, COPY);
    const done = button("Done", () => {
      this.#made.hidden = true;
      this.#made.replaceChildren();
      this.#total.focus();
    }, "plain");
    this.#made.replaceChildren(area.element, make("div", { class: "actions" }, copy, done, note.element));
    this.#made.hidden = false;
    area.input.focus();
    area.input.select();
  }

  async #once(control: HTMLElement, work: () => Promise<void>): Promise<void> {
    if (control.getAttribute("aria-disabled") === "true") return;
    control.setAttribute("aria-disabled", "true");
    this.#note.say("");
    try {
      await work();
    } catch (error) {
      this.#refuse(error);
    } finally {
      control.removeAttribute("aria-disabled");
    }
  }

  #refuse(error: unknown): void {
    if (error instanceof Refused && error.status !== 0 && error.status !== 401) this.#note.say(`${error.message} ${error.remedy}`.trim(), "bad");
    else this.#lost(error);
  }
}
