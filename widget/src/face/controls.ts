/** The controls of the details: native ones, each with its label and a target of 44 px. */

import { make } from "./dom.js";

export interface Control<Value> {
  readonly element: HTMLElement;
  /** Shows the value, unless the visitor is just changing it. */
  show(value: Value): void;
}

export function button(text: string, onClick: () => void): HTMLButtonElement {
  const made = make("button", { type: "button", part: "button" }, text);
  made.addEventListener("click", onClick);
  return made;
}

/** To a page of the operator, beside this one. It is not told where the visitor comes from. */
export function link(text: string, href: string): HTMLAnchorElement {
  return make("a", { part: "link", href, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** `note` says more about it, and is read after the label. */
export function checkbox(text: string, note: string, onChange: (value: boolean) => void): Control<boolean> {
  const box = make("input", { type: "checkbox", part: "checkbox" });
  box.addEventListener("change", () => onChange(box.checked));
  const words = make("span", {}, text, ...(note ? [make("small", {}, note)] : []));
  return { element: make("label", { part: "choice" }, box, words), show: (value) => (box.checked = value) };
}

/** Values with their names, in this order; one that is not among them is shown, too. */
export function select<Value>(
  text: string,
  choices: readonly Value[],
  name: (value: Value) => string,
  onChange: (value: Value) => void,
): Control<Value> {
  const values = [...choices];
  const box = make("select", { part: "select" }, ...values.map((value) => make("option", {}, name(value))));
  box.addEventListener("change", () => {
    const value = values[box.selectedIndex];
    if (value !== undefined) onChange(value);
  });
  return {
    element: make("label", { part: "field" }, make("span", {}, text), box),
    show: (value) => {
      let index = values.indexOf(value);
      if (index < 0) {
        index = values.push(value) - 1;
        box.append(make("option", {}, name(value)));
      }
      if (box.selectedIndex !== index) box.selectedIndex = index;
    },
  };
}

/** A time of day, as minutes since midnight. */
export function time(text: string, onChange: (minutes: number) => void): Control<number> {
  const box = make("input", { type: "time", part: "time", required: "" });
  box.addEventListener("change", () => {
    const [hours, minutes] = box.value.split(":").map(Number);
    if (hours !== undefined && minutes !== undefined) onChange(hours * 60 + minutes);
  });
  return {
    element: make("label", {}, make("span", {}, text), box),
    show: (minutes) => {
      const value = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0")).join(":");
      if (box.value !== value && !box.matches(":focus")) box.value = value;
    },
  };
}
