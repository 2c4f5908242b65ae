/** The page that a reader's invite link opens: fills the invite into the command, on this device alone. */

import { commandFor, inviteIn, judge } from "./invite.js";
import { byId, enableCopying } from "./page.js";

async function show(): Promise<void> {
  const fragment = location.hash;
  const found = await judge(fragment, globalThis.crypto.subtle);
  if (fragment !== location.hash) return;
  const invite = found === "whole" ? inviteIn(fragment) : undefined;
  const verdict = byId("verdict");
  verdict.textContent = verdict.dataset[found] ?? "";
  verdict.dataset["verdict"] = found === "whole" ? "good" : "bad";
  byId("command").textContent = commandFor(invite ?? "INVITE");
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
    button.hidden = invite === undefined;
    button.nextElementSibling?.replaceChildren();
  }
  // Another language is another address, but the same invite. Browsers keep the fragment of a link to themselves.
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".languages a")) link.hash = invite ?? "";
}

enableCopying();
addEventListener("hashchange", () => void show());
void show();
