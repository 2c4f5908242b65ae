/** Telling others: this page, and the switch for one's own site. */

import type { DetailsWords } from "../words/words.js";
import { button, link } from "./controls.js";
import type { Context, Section } from "./details.js";
import { make, setText } from "./dom.js";
import { deedsText } from "../pages/deeds.js";

export function share({ share: words }: DetailsWords, { operator, language }: Context): Section {
  const result = make("p", { part: "note", role: "status" });
  const address = make("input", { part: "address", type: "text", readonly: "", hidden: "", "aria-label": words.send, dir: "ltr" });
  const send = button(words.send, () => void tell());

  async function tell(): Promise<void> {
    const url = addressToShare(operator);
    if ("share" in navigator) {
      // Who closes the list of ways has changed their mind, which is no failure.
      await navigator.share({ text: words.text, url }).catch(() => {});
      return;
    }
    try {
      await (navigator as Navigator).clipboard.writeText(`${words.text} ${url}`);
      setText(result, words.copied);
    } catch {
      address.hidden = false;
      address.value = `${words.text} ${url}`;
      address.select();
      setText(result, words.byHand);
    }
  }

  const embed = link(words.embed, `${operator}/add?lang=${language.tag}`);
  const impact = link(words.impact, "");

  return {
    title: words.title,
    content: [make("p", { part: "note" }, words.text), send, result, address, impact, embed],
    render: ({ tally }) => {
      impact.hidden = tally.ever === 0;
      // The numbers stand behind the #, which browsers send to nobody.
      impact.href = `${operator}/impact?lang=${language.tag}#${deedsText({ ...tally, people: tally.ever })}`;
    },
  };
}

/** This page without what only its visitor has in the address. In a frame or an extension it is the operator's page. */
function addressToShare(operator: string): string {
  return window === window.top && location.protocol.startsWith("http") ? location.origin + location.pathname : `${operator}/`;
}
