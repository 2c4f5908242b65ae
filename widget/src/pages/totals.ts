/** The honest totals of an operator, as its page for everybody shows them. The words stand in the document. */

import { fill, Language } from "../words/language.js";
import { byId } from "./page.js";

export interface Totals {
  readonly since: string;
  readonly until: string;
  readonly people_a_day: number;
  readonly carried_bytes: number;
  readonly bridges: number;
  readonly bridge_hours: number;
  readonly error_percent: number;
}

/** What stands in each place of the page; what is not worth telling is left out. */
export function places(totals: Totals, language: Language): Readonly<Record<string, string>> {
  const told: Record<string, string> = {};
  const day = (text: string): string => new Intl.DateTimeFormat(language.tag, { dateStyle: "long", timeZone: "UTC" }).format(new Date(`${text}T00:00:00Z`));
  if (totals.people_a_day > 0) told["people"] = language.number(totals.people_a_day);
  if (totals.bridges > 0) told["bridges"] = language.number(totals.bridges);
  if (totals.carried_bytes > 0) told["carried"] = language.bytes(totals.carried_bytes);
  if (totals.bridge_hours > 0) told["hours"] = language.number(totals.bridge_hours);
  if (totals.since) told["since"] = day(totals.since);
  if (totals.until) told["until"] = day(totals.until);
  return told;
}

async function show(): Promise<void> {
  const answer = await fetch("totals.json");
  if (!answer.ok) return;
  const totals = (await answer.json()) as Totals;
  const language = new Language(document.documentElement.lang);
  const told = places(totals, language);
  for (const [name, text] of Object.entries(told)) {
    const place = byId(name);
    place.textContent = text;
    if (place.parentElement) place.parentElement.hidden = false;
  }
  byId("none").hidden = totals.since !== "";
  byId("numbers").hidden = totals.since === "";
  const error = new Intl.NumberFormat(language.tag).format(totals.error_percent);
  const how = byId("how");
  how.textContent = fill(how.dataset["text"] ?? "", { error });
}

if (typeof document !== "undefined") void show();
