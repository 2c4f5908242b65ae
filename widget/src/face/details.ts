/**
 * What opens beneath "How does this work?": the plain answers and everything that a volunteer can set. A part of its own, loaded
 * when it is opened; it shares no module's state with the script that loads it.
 */

import type { Snapshot } from "../helping/snapshot.js";
import type { Volunteer } from "../helping/volunteer.js";
import { DETAILS as ENGLISH } from "../words/en-details.js";
import { fill } from "../words/language.js";
import type { DetailsWords } from "../words/words.js";
import { check } from "./check.js";
import CSS from "./details.css";
import { make, sheet } from "./dom.js";
import { known } from "./known.js";
import { keep } from "./keep.js";
import { limits } from "./limits.js";
import { numbers } from "./numbers.js";
import type { loadPart } from "./parts.js";
import { share } from "./share.js";
import type { Speech } from "./view.js";
import { where } from "./where.js";

/** What the face needs of whoever helps. */
export type Driver = Pick<
  Volunteer,
  | "snapshot"
  | "start"
  | "stop"
  | "operator"
  | "maxReaders"
  | "pauseHidden"
  | "set"
  | "keepHelping"
  | "keepNumbers"
  | "onlyKnown"
  | "newLink"
  | "forget"
  | "check"
  | "openWindow"
  | "dismissCaution"
  | "end"
>;

export interface Context extends Speech {
  readonly driver: Driver;
  /** Base URL of the operator. */
  readonly operator: string;
  readonly root: ShadowRoot;
  readonly loadPart: typeof loadPart;
}

/** Something that shows snapshots until its end. */
export interface Details {
  render(snapshot: Snapshot): void;
  /** Nothing of it is left when this returns. */
  end(): void;
}

export interface Section {
  readonly title: string;
  readonly content: readonly Node[];
  /** Whether it has anything to offer here; always, when it does not say. */
  offered?(snapshot: Snapshot): boolean;
  render?(snapshot: Snapshot): void;
  /** The section is opened or closed. */
  toggled?(open: boolean): void;
  end?(): void;
}

/** What makes a section, with its words. */
export type SectionMaker = (words: DetailsWords, context: Context) => Section;

const SECTIONS: readonly SectionMaker[] = [how, numbers, where, keep, known, limits, check, share];

export function showDetails(container: HTMLElement, context: Context): Details {
  dress(context.root);
  const words = context.whole?.details ?? ENGLISH;
  const sections = SECTIONS.map((section) => section(words, context));
  const boxes = sections.map(({ title, content, toggled }, index) => {
    const box = make("details", { part: "section" }, make("summary", { part: "title" }, title), make("div", { part: "content" }, ...content));
    if (index === 0) box.open = true;
    box.addEventListener("toggle", () => toggled?.(box.open));
    return box;
  });
  container.append(...boxes);
  const details = {
    render: (snapshot: Snapshot) => {
      for (const [index, { offered, render }] of sections.entries()) {
        const box = boxes[index];
        if (box && offered) box.hidden = !offered(snapshot);
        render?.(snapshot);
      }
    },
    end: () => {
      for (const section of sections) section.end?.();
      container.replaceChildren();
    },
  };
  details.render(context.driver.snapshot);
  return details;
}

/** A gentle word for a visitor who seems to be where helping may harm them. Nothing is asked of anybody to find that out. */
export function showCaution(container: HTMLElement, context: Context): Details {
  dress(context.root);
  const words = (context.whole?.details ?? ENGLISH).caution;
  const text = make("p", {}, fill(words.text, { country: context.language.country(context.driver.snapshot.caution ?? "") }));
  const understood = make("button", { type: "button", part: "button" }, words.understood);
  understood.addEventListener("click", () => context.driver.dismissCaution());
  container.append(make("div", { part: "caution", role: "note" }, text, understood));
  return { render: () => {}, end: () => container.replaceChildren() };
}

function how({ how: words }: DetailsWords): Section {
  const list = (title: string, points: readonly string[]) => [
    make("h3", {}, title),
    make("ul", {}, ...points.map((point) => make("li", {}, point))),
  ];
  const content = [
    ...list(words.does, words.doesPoints),
    ...list(words.never, words.neverPoints),
    ...list(words.costs, words.costsPoints),
  ];
  return { title: words.title, content };
}

function dress(root: ShadowRoot): void {
  const own = sheet(CSS);
  if (!root.adoptedStyleSheets.includes(own)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, own];
}
