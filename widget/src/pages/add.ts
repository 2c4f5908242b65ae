/** The page where a site chooses how the switch looks, sees it, and takes its lines along. */

import { attributes, choiceOf, cssRule, frameLine, framePolicyLine, policyLine, scriptLines, type Pin } from "./choice.js";
import { byId, enableCopying, operatorUrl } from "./page.js";

const ATTRIBUTES = ["layout", "theme", "lang", "max-readers"];

const form = byId<HTMLFormElement>("choices");
const preview = byId("preview");
const element = preview.querySelector<HTMLElement>("unwalled-bridge");
const fallback = element?.textContent ?? "";

function show(): void {
  const values = new FormData(form);
  const said = (name: string): string => String(values.get(name) ?? "");
  const query = new URLSearchParams({ layout: said("layout"), theme: said("theme"), lang: said("lang"), "max-readers": said("readers") });
  if (values.has("own")) query.set("colour", said("colour"));
  const choice = choiceOf(query);
  const { version = "", integrity = "" } = form.dataset;
  const pin: Pin | undefined = values.has("pin") ? { version, integrity } : undefined;
  const operator = operatorUrl();

  preview.dataset["theme"] = choice.theme;
  const wanted = new Map(attributes(choice));
  for (const name of ATTRIBUTES) {
    const value = wanted.get(name);
    if (value === undefined) element?.removeAttribute(name);
    else if (element?.getAttribute(name) !== value) element?.setAttribute(name, value);
  }
  // An empty value takes it away.
  element?.style.setProperty("--uw-live", choice.colour);

  byId("script").textContent = scriptLines(operator, choice, pin, fallback);
  const css = cssRule(choice);
  byId("css-section").hidden = css === "";
  byId("css").textContent = css;
  byId("policy").textContent = policyLine(operator);
  byId("frame").textContent = frameLine(operator, choice, byId("frame").dataset["title"] ?? "");
  byId("frame-policy").textContent = framePolicyLine(operator);
  byId("operator").textContent = operator;
}

enableCopying();
form.addEventListener("input", show);
form.addEventListener("submit", (event) => event.preventDefault());
show();
