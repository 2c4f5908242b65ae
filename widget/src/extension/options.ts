/** Where the volunteer chooses whom to help, and turns helping on. */

import { readConfig, SignallingError } from "../wire/messages.js";
import { PROPOSED } from "./choice.js";
import { operatorUrl } from "./messages.js";
import { showSwitch } from "./shown.js";
import { element, say } from "./say.js";

const PATIENCE_MS = 20_000;

const form = element("form") as HTMLFormElement;
const address = element("address") as HTMLInputElement;
const verdict = element("verdict");

let known: string | undefined;
const remote = showSwitch(({ operator }) => {
  if (operator === known) return;
  known = operator;
  address.value = operator || PROPOSED;
  form.hidden = false;
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void choose(address.value);
});

/** Asks the server that was named, and nobody else, whether it is one that can be helped. */
async function choose(typed: string): Promise<void> {
  const operator = operatorUrl(typed);
  if (operator === undefined) {
    verdict.textContent = say("noAddress");
    return;
  }
  const { host } = new URL(operator);
  verdict.textContent = say("looking", { host });
  const trouble = await troubleWith(operator);
  verdict.textContent = say(trouble ?? "chosen", { host });
  if (trouble === undefined) remote.say({ do: "operator", value: operator });
}

async function troubleWith(operator: string): Promise<"unreachable" | "noOperator" | undefined> {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(`${operator}/v1/config`, { credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", signal });
    if (!response.ok) return "noOperator";
    await readConfig(response, operator);
    return undefined;
  } catch (error) {
    return error instanceof SignallingError ? "noOperator" : "unreachable";
  }
}
