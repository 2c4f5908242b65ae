/** Invites: paste one, use one of several, hand one on, forget one. */

import { draw, make } from "../face/dom.js";
import { fill } from "../words/language.js";
import type { Invite } from "./model.js";
import { act, button, card, copyable, field, form, Listing, Note, submit, type Card, type Context } from "./parts.js";
import type { PanelWords } from "./words/words.js";

interface Shown {
  readonly text: string;
  readonly size: number;
  readonly path: string;
}

/** Light around a code, in modules: ISO/IEC 18004 asks for 4. */
const MARGIN = 4;
const MOST_INVITE_CHARS = "8192";

export function inviteForm({ words, ask }: Context): HTMLFormElement {
  const { invites } = words;
  const note = new Note();
  const text = field("textarea", invites.paste, { rows: "3", dir: "ltr", autocapitalize: "off", maxlength: MOST_INVITE_CHARS }, invites.pasteNote);
  const name = field("input", invites.name, { type: "text", maxlength: "60", dir: "auto" });
  const add = submit(invites.add);
  return form(
    () => {
      if (text.input.value.trim() === "") return text.input.focus();
      void act(add, note, words, async () => {
        await ask("invites/add", { text: text.input.value, label: name.input.value });
        text.input.value = name.input.value = "";
        note.say(invites.added, "good");
      });
    },
    text.element,
    name.element,
    add,
    note.element,
  );
}

export function invitesCard(context: Context): Card {
  const { words } = context;
  const more = make("details", { class: "fold" }, make("summary", {}, words.invites.paste), inviteForm(context));
  const made = card("invites", words.invites.title);
  const title = made.firstElementChild as HTMLElement;
  const rows = new Listing<Invite>("rows", title, (invite, index) => row(invite, index, context));
  made.append(rows.element, more);
  return {
    element: made,
    render: ({ snapshot: { invites } }) => {
      rows.render(invites);
      // Without any, the form stands above, beside what it is for.
      made.hidden = invites.length === 0;
    },
  };
}

function row(invite: Invite, index: number, context: Context): HTMLElement {
  const { words, language, format, ask } = context;
  const own = words.invites;
  const name = invite.label || fill(own.unnamed, { number: language.number(index + 1) });
  const until = invite.expires_at > 0 ? fill(own.until, { date: format.date(invite.expires_at) }) : own.always;
  const note = new Note();
  const hand = make("div", { class: "hand", hidden: "" });
  const use = button(own.use, () => void act(use, note, words, async () => void (await ask("invites/use", { id: invite.id }))));
  use.hidden = invite.is_active;
  const show = button(own.show, () => {
    if (!hand.hidden) return close();
    void act(show, note, words, async () => {
      const shown = await ask<Shown>("invites/show", { id: invite.id });
      hand.replaceChildren(...handOn(shown, note, words));
      hand.hidden = false;
      show.textContent = own.hide;
      show.setAttribute("aria-expanded", "true");
    });
  });
  show.setAttribute("aria-expanded", "false");
  const close = (): void => {
    hand.hidden = true;
    hand.replaceChildren();
    show.textContent = own.show;
    show.setAttribute("aria-expanded", "false");
  };
  // Twice, since it cannot be undone. Whoever goes elsewhere did not mean it.
  const forget = button(own.forget, () => {
    if (forget.dataset["sure"] === undefined) {
      forget.dataset["sure"] = "";
      forget.textContent = own.forgetSure;
      return;
    }
    void act(forget, note, words, async () => void (await ask("invites/forget", { id: invite.id })));
  }, "plain");
  forget.addEventListener("blur", () => {
    delete forget.dataset["sure"];
    forget.textContent = own.forget;
  });
  const trouble = invite.trouble === "none" ? "" : words.troubles[invite.trouble]?.cause ?? words.troubles.unknown.cause;
  return make(
    "article",
    { class: "row", ...(invite.is_active ? { "data-active": "" } : {}) },
    make(
      "p",
      { class: "head" },
      make("bdi", { class: "name" }, name),
      ...(invite.is_active ? [make("span", { class: "badge" }, own.active)] : []),
      make("span", { class: "quiet" }, until),
      ...(trouble ? [make("span", { class: "bad" }, trouble)] : []),
    ),
    make("div", { class: "actions" }, use, show, forget),
    hand,
    note.element,
  );
}

function handOn({ text, size, path }: Shown, note: Note, words: PanelWords): Node[] {
  const area = make("textarea", { class: "input", rows: "4", readonly: "", dir: "ltr", spellcheck: "false", "aria-label": words.invites.title }, text);
  const copy = copyable(() => text, area, note, words);
  const warning = make("p", { class: "warning" }, words.invites.showNote);
  if (size === 0) return [warning, area, copy];
  const whole = size + 2 * MARGIN;
  const code = draw(
    "svg",
    { class: "code", role: "img", "aria-label": words.invites.code, viewBox: `${-MARGIN} ${-MARGIN} ${whole} ${whole}`, "shape-rendering": "crispEdges" },
    draw("rect", { class: "light", x: String(-MARGIN), y: String(-MARGIN), width: String(whole), height: String(whole) }),
    draw("path", { class: "dark", d: path }),
  );
  return [warning, code, area, copy];
}
