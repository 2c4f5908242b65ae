/** How programs of this computer use the proxy. */

import { make, setText } from "../face/dom.js";
import { act, card, copyable, Note, toggle, type Card, type Context } from "./parts.js";

export function programsCard({ words, ask }: Context): Card {
  const own = words.programs;
  const note = new Note();
  const address = make("code", { dir: "ltr" });
  const copy = copyable(() => address.textContent ?? "", address, note, words);
  const where = make("div", { class: "command", role: "group", "aria-label": own.address }, address, copy);
  const none = make("p", { class: "quiet" }, own.none);
  const set = (verb: string) => (on: boolean, control: HTMLElement) => void act(control, note, words, async () => void (await ask(verb, { on })));
  const proxy = toggle(own.proxy.name, own.proxy.note, set("desktop/proxy"));
  const login = toggle(own.login.name, own.login.note, set("desktop/login"));
  const command = make("code", { dir: "ltr" }, "unwalled browse");
  return {
    element: card(
      "programs",
      own.title,
      make("p", {}, own.browse),
      make("div", { class: "command" }, command, copyable(() => "unwalled browse", command, note, words)),
      make("p", {}, own.note),
      where,
      none,
      note.element,
      proxy.element,
      login.element,
    ),
    render: ({ snapshot, settings }) => {
      setText(address, snapshot.proxy);
      where.hidden = snapshot.proxy === "";
      none.hidden = snapshot.proxy !== "";
      proxy.show(snapshot.is_system_proxy);
      proxy.disabled = settings.can_set_proxy ? "" : own.cannot;
      login.show(snapshot.starts_at_login);
      login.disabled = settings.can_start_at_login ? "" : own.cannot;
    },
  };
}
