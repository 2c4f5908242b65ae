/** The page that a reader's invite link opens: fills the invite into the command, on this device alone. */

import { commandFor, inviteIn, judge, type Verdict } from "./invite.js";

const WORDS: Readonly<Record<Verdict, string>> = {
  none: "Your link holds no invite. Open the whole link that you were given; in the steps below, put your invite in the place of INVITE.",
  whole: "Your invite is here and looks whole.",
  damaged: "Your invite is damaged: some of it is missing or changed. Copy the whole link again, or ask for a new one.",
};

function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page lacks #${id}.`);
  return element;
}

async function show(): Promise<void> {
  const fragment = location.hash;
  const found = await judge(fragment, globalThis.crypto.subtle);
  if (fragment !== location.hash) return;
  const invite = found === "whole" ? inviteIn(fragment) : undefined;
  const verdict = byId("verdict");
  verdict.textContent = WORDS[found];
  verdict.dataset["verdict"] = found === "whole" ? "good" : "bad";
  byId("command").textContent = commandFor(invite ?? "INVITE");
  byId("copied").textContent = "";
  byId("copy").hidden = invite === undefined;
}

async function copy(): Promise<void> {
  const command = byId("command");
  const copied = byId("copied");
  try {
    await navigator.clipboard.writeText(command.textContent ?? "");
    copied.textContent = "Copied.";
  } catch {
    getSelection()?.selectAllChildren(command);
    copied.textContent = "Copying is not allowed here. The command is marked: copy it with your keyboard.";
  }
}

byId("copy").addEventListener("click", () => void copy());
addEventListener("hashchange", () => void show());
void show();
