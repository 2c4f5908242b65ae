/** On or off, how things are in plain words, and what to do next. */

import { make, setText } from "../face/dom.js";
import { mark } from "../face/mark.js";
import { fill } from "../words/language.js";
import { inviteForm } from "./invites.js";
import type { Snapshot, Whole } from "./model.js";
import { act, newId, Note, type Card, type Context } from "./parts.js";
import type { Advice, PanelWords } from "./words/words.js";

/** What is wrong and what to do, or undefined when nothing is. Pure. */
export function adviceFor({ trouble, clock_error_s }: Snapshot, { words, language }: Pick<Context, "words" | "language">): Advice | undefined {
  if (trouble === "none") return undefined;
  const known: PanelWords["troubles"] = words.troubles;
  // A later program may know more troubles than this page.
  const { cause, remedy } = Object.hasOwn(known, trouble) ? known[trouble] : known.unknown;
  return { cause: fill(cause, { time: language.duration(Math.abs(clock_error_s)) }), remedy };
}

export function statusCard(context: Context): Card {
  const { words, language, ask } = context;
  const [labelId, statusId] = [newId(), newId()];
  const note = new Note();
  const status = make("p", { id: statusId, class: "status" });
  const since = make("p", { class: "since" });
  const cause = make("strong", {});
  const remedy = make("span", {});
  const advice = make("p", { class: "advice", hidden: "" }, cause, " ", remedy);
  const live = make("div", { role: "status" }, status, advice);
  const control = make(
    "button",
    { type: "button", role: "switch", class: "main switch", "aria-checked": "false", "aria-labelledby": labelId, "aria-describedby": statusId },
    mark(),
    make("span", { id: labelId, class: "words name" }, words.label),
    make("span", { class: "track", "aria-hidden": "true" }, make("span", { class: "thumb" })),
  );
  control.addEventListener("click", () => {
    const verb = control.getAttribute("aria-checked") === "true" ? "off" : "on";
    void act(control, note, words, async () => {
      await ask(verb);
    });
  });
  const first = inviteForm(context);
  first.hidden = true;
  const element = make("section", { class: "card now", "aria-labelledby": labelId }, control, live, since, note.element, first);
  return {
    element,
    render: ({ snapshot }: Whole) => {
      const { state, seconds_connected, invites } = snapshot;
      element.dataset["state"] = state;
      control.setAttribute("aria-checked", String(state !== "off"));
      setText(status, words.states[state]);
      const wrong = adviceFor(snapshot, context);
      advice.hidden = !wrong;
      setText(cause, wrong?.cause ?? "");
      setText(remedy, wrong?.remedy ?? "");
      const connected = state === "connected" && seconds_connected >= 60;
      setText(since, connected ? fill(words.since, { duration: language.duration(seconds_connected) }) : "");
      since.hidden = !connected;
      first.hidden = invites.length > 0;
    },
  };
}
