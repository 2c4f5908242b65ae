/** Which sites go through bridges: the way of choosing, own sites, and lists. */

import { make, setText } from "../face/dom.js";
import { fill } from "../words/language.js";
import type { List, Mode, Taken } from "./model.js";
import { act, button, card, field, form, joined, Listing, newId, Note, submit, type Card, type Context } from "./parts.js";
import type { PanelWords } from "./words/words.js";

const MODES: readonly Mode[] = ["everything", "blocked", "listed"];
const MOST_FILE_BYTES = 16 << 20;

export function rulesCard(context: Context): Card {
  const { words, language, ask } = context;
  const own = words.rules;
  const note = new Note();
  const choice = modes(context, note);
  const names = make("p", { class: "summary" });
  const learned = make("p", { class: "quiet" });
  const forget = button(own.forgetLearned, () => void act(forget, note, words, async () => void (await ask("rules/forget"))), "plain");
  const learnedRow = make("div", { class: "actions" }, learned, forget);
  const title = make("h3", {}, own.own);
  const sites = new Listing<string>("sites", title, (site) => {
    const remove = button("×", () => void act(remove, note, words, async () => void (await ask("rules/remove", { text: site }))), "tiny");
    remove.setAttribute("aria-label", fill(own.remove, { name: site }));
    return make("span", { class: "site" }, make("bdi", { dir: "ltr" }, site), remove);
  });
  const further = make("p", { class: "quiet" });
  const listsTitle = make("h3", {}, own.lists);
  const lists = new Listing<List>("rows", listsTitle, (list) => listRow(list, context, note));
  const update = button(own.update, () => void act(update, note, words, async () => void (await ask("lists/update"))));
  const book = make(
    "div",
    {},
    names,
    learnedRow,
    title,
    sites.element,
    further,
    addSites(context),
    listsTitle,
    lists.element,
    update,
    make("details", { class: "fold" }, make("summary", {}, own.import), importForm(context)),
  );
  const element = card("rules", own.title, choice.element, note.element, book);
  return {
    element,
    render: ({ snapshot, settings, rules }) => {
      element.hidden = !settings.has_rules;
      choice.show(snapshot.rules);
      book.hidden = !rules || snapshot.rules === "everything";
      if (!rules) return;
      setText(names, language.count(own.names, rules.names));
      setText(learned, language.count(own.learned, rules.learned));
      learnedRow.hidden = rules.learned === 0 || snapshot.rules !== "blocked";
      sites.render(rules.own);
      const rest = rules.own_count - rules.own.length;
      further.hidden = rest === 0;
      setText(further, language.count(own.more, rest));
      lists.render(rules.lists);
      update.hidden = !rules.lists.some(({ is_updated }) => is_updated);
    },
  };
}

function modes({ words, ask }: Context, note: Note): { readonly element: HTMLElement; show(mode: Mode): void } {
  const name = newId();
  let shown: Mode | undefined;
  const boxes = MODES.map((mode) => {
    const [nameId, noteId] = [newId(), newId()];
    const input = make("input", { type: "radio", name, value: mode, "aria-labelledby": nameId, "aria-describedby": noteId });
    const { name: text, note: more } = words.rules.modes[mode];
    input.addEventListener("change", () => {
      void act(input, note, words, async () => void (await ask("rules/mode", { mode }))).then((done) => {
        // What was refused is not shown as if it were so.
        if (!done && shown) show(shown);
      });
    });
    const label = make("label", { class: "choice" }, input, make("span", {}, make("span", { id: nameId, class: "name" }, text), make("small", { id: noteId }, more)));
    return { input, label };
  });
  const show = (mode: Mode): void => {
    shown = mode;
    for (const { input } of boxes) input.checked = input.value === mode;
  };
  const element = make("div", { role: "radiogroup", class: "choices", "aria-label": words.rules.title }, ...boxes.map(({ label }) => label));
  return {
    element,
    show: (mode) => {
      if (mode !== shown) show(mode);
    },
  };
}

function listRow(list: List, { words, language, format, ask }: Context, note: Note): HTMLElement {
  const own = words.rules;
  const remove = button("×", () => void act(remove, note, words, async () => void (await ask("lists/remove", { id: list.id }))), "tiny");
  remove.setAttribute("aria-label", fill(own.remove, { name: list.title }));
  const facts = [language.count(own.listNames, list.names)];
  if (list.is_direct) facts.push(own.goDirect);
  if (list.updated_at > 0) facts.push(fill(own.updated, { date: format.date(list.updated_at) }));
  // The program's own words are English.
  const trouble = list.trouble ? [make("span", { class: "bad", lang: "en", dir: "ltr" }, list.trouble)] : [];
  const quiet = make("span", { class: "quiet" }, joined(language, facts));
  const texts = make("div", { class: "texts" }, make("span", { class: "name" }, make("bdi", {}, list.title)), quiet, ...trouble);
  return make("div", { class: "row line" }, texts, remove);
}

function addSites({ words, language, ask }: Context): HTMLElement {
  const own = words.rules;
  const note = new Note();
  const problems = make("ul", { class: "problems", hidden: "" });
  const site = field("input", own.add, { type: "text", dir: "ltr", autocapitalize: "off", inputmode: "url", maxlength: "300" }, own.addNote);
  const add = submit(own.addButton);
  return form(
    () => {
      if (site.input.value.trim() === "") return site.input.focus();
      void act(add, note, words, async () => {
        const taken = await ask<Taken>("rules/add", { text: site.input.value });
        if (taken.names > 0) site.input.value = "";
        tell(taken, note, problems, { words, language });
      });
    },
    make("div", { class: "joined" }, site.element, add),
    note.element,
    problems,
  );
}

function importForm({ words, language, ask }: Context): HTMLFormElement {
  const own = words.rules;
  const note = new Note();
  const problems = make("ul", { class: "problems", hidden: "" });
  const title = field("input", own.listTitle, { type: "text", maxlength: "60", dir: "auto" });
  const file = field("input", own.file, { type: "file", accept: ".txt,.csv,.list,.conf,.hosts,text/*" }, own.importNote);
  const paste = field("textarea", own.paste, { rows: "4", dir: "ltr" });
  const address = field("input", own.address, { type: "url", dir: "ltr", maxlength: "2000", placeholder: "https://" });
  const way = ways(own);
  file.input.addEventListener("change", () => {
    const chosen = file.input.files?.[0];
    if (chosen && title.input.value === "") title.input.value = chosen.name.slice(0, 60);
  });
  const add = submit(own.importButton);
  return form(
    () => {
      const chosen = file.input.files?.[0];
      const written = paste.input.value.trim() || address.input.value.trim();
      if (!chosen && written === "") return paste.input.focus();
      if (title.input.value.trim() === "") return title.input.focus();
      if ((chosen?.size ?? 0) > MOST_FILE_BYTES) return note.say(words.refusals["too-large"], "bad");
      void act(add, note, words, async () => {
        const text = chosen ? await chosen.text() : written;
        const taken = await ask<Taken>("lists/import", { title: title.input.value, text, is_direct: way.isDirect() });
        title.input.value = file.input.value = paste.input.value = address.input.value = "";
        tell(taken, note, problems, { words, language });
      });
    },
    file.element,
    paste.element,
    address.element,
    title.element,
    way.element,
    add,
    note.element,
    problems,
  );
}

/** Which way the sites of a list go. */
function ways(own: PanelWords["rules"]): { readonly element: HTMLElement; isDirect(): boolean } {
  const [titleId, name] = [newId(), newId()];
  const [through, direct] = [make("input", { type: "radio", name, checked: "" }), make("input", { type: "radio", name })];
  const choice = (input: HTMLInputElement, text: string): HTMLElement => make("label", { class: "choice" }, input, make("span", {}, text));
  const element = make(
    "div",
    { role: "radiogroup", class: "choices row-wise", "aria-labelledby": titleId },
    make("span", { id: titleId, class: "above" }, own.go),
    choice(through, own.goThrough),
    choice(direct, own.goDirect),
  );
  return { element, isDirect: () => direct.checked };
}

function tell(taken: Taken, note: Note, problems: HTMLElement, { words: { rules: own }, language }: Pick<Context, "words" | "language">): void {
  const parts = [language.count(own.taken, taken.names)];
  if (taken.problem_count > 0) parts.push(language.count(own.problems, taken.problem_count));
  note.say(parts.join(" "), taken.names > 0 ? "good" : "bad");
  problems.hidden = taken.problem_count === 0;
  const lines = taken.problems.map(({ line, cause, remedy }) => {
    const [before = "", after = ""] = fill(own.line, { line: language.number(line) }).split("{cause}");
    return make("li", {}, before, make("bdi", { lang: "en", dir: "ltr" }, `${cause} ${remedy}`.trim()), after);
  });
  const rest = taken.problem_count - taken.problems.length;
  if (rest > 0) lines.push(make("li", {}, language.count(own.more, rest)));
  problems.replaceChildren(...lines);
}
