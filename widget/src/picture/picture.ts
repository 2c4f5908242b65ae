/**
 * A map with a line from the country of each person who is being helped, which moves while data flows. The part
 * `widget-picture.js`: loaded only when somebody wants to see it.
 *
 * What it shows stands in a list beneath as well, so that nobody has to see it. It has no timer of its own: whoever shows
 * it calls `update`. Under `prefers-reduced-motion` the lines stand still.
 */

import { arc, HEIGHT, land, middle, WIDTH, YOU } from "./map.js";

/** One person who is being helped. */
export interface Person {
  /** The same for one person as long as the page lives. */
  readonly key: string;
  /** ISO 3166-1 alpha-2, or "" when it is not known. */
  readonly country: string;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

export interface PictureTexts {
  /** What the map shows, for who does not see it. */
  readonly label: string;
  /** Instead of the list while nobody is being helped. */
  readonly nobody: string;
  /** A line of the list; `country` is "" for all whose country is not known. */
  people(count: number, country: string): string;
}

export interface Picture {
  /** Call it whenever something may have changed, and about once a second while data flows. */
  update(people: readonly Person[]): void;
  /** Takes everything away that `mount` has brought. */
  remove(): void;
}

const SVG = "http://www.w3.org/2000/svg";
const CSS = `
.uw-map { display: block; inline-size: 100%; block-size: auto; direction: ltr; overflow: visible; }
.uw-map path, .uw-map circle { fill: none; stroke-linecap: round; vector-effect: none; }
.uw-map .land { stroke: var(--uw-line, #c5ced6); stroke-width: 1.9; }
.uw-map .arc { stroke: var(--uw-live, #0b7a53); stroke-width: 1.1; opacity: 0.55; }
.uw-map .flow { stroke: var(--uw-live, #0b7a53); stroke-width: 2.4; stroke-dasharray: 0.1 11.9; opacity: 0; transition: opacity 0.4s; }
.uw-map [data-flow] .flow { opacity: 1; animation: uw-flow 0.9s linear infinite; }
.uw-map [data-flow="out"] .flow { animation-direction: reverse; }
.uw-map .end, .uw-map .you { fill: var(--uw-live, #0b7a53); stroke: var(--uw-paper, #fff); stroke-width: 1; }
.uw-map .you[data-idle] { fill: var(--uw-rest, #66737f); }
.uw-countries li { margin: 0; }
.uw-countries { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; margin: 0.5rem 0 0; padding: 0; list-style: none; color: var(--uw-muted, inherit); font-size: 0.9375rem; }
@keyframes uw-flow { to { stroke-dashoffset: -12; } }
@media (prefers-reduced-motion: reduce) {
  .uw-map .flow { transition: none; }
  .uw-map [data-flow] .flow { animation: none; opacity: 0; }
  .uw-map [data-flow] .arc { opacity: 1; stroke-width: 1.6; }
}
@media (forced-colors: active) {
  .uw-map .land { stroke: GrayText; }
  .uw-map .arc, .uw-map .flow { stroke: Highlight; }
  .uw-map .end, .uw-map .you { fill: Highlight; stroke: Canvas; }
}
`;

let sheet: CSSStyleSheet | undefined;

function draw<Name extends keyof SVGElementTagNameMap>(name: Name, attributes: Readonly<Record<string, string | number>>): SVGElementTagNameMap[Name] {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** Puts the picture at the end of `container`, which may be in a shadow tree. */
export function mount(container: HTMLElement, texts: PictureTexts): Picture {
  const undress = dress(container.getRootNode());
  const svg = draw("svg", { class: "uw-map", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": texts.label });
  const arcs = draw("g", {});
  const you = draw("circle", { class: "you", cx: YOU.x, cy: YOU.y, r: 4 });
  svg.append(draw("path", { class: "land", d: land() }), arcs, you);
  const list = document.createElement("ul");
  list.className = "uw-countries";
  // Some browsers tell nobody that a list without bullets is one.
  list.setAttribute("role", "list");
  container.append(svg, list);
  const drawn = new Map<string, SVGGElement>();
  let before = new Map<string, Person>();
  let listed = "";

  return {
    update(people) {
      const counts = new Map<string, number>();
      const flows = new Map<string, Flow>();
      for (const person of people) {
        counts.set(person.country, (counts.get(person.country) ?? 0) + 1);
        const flow = flowOf(person, before.get(person.key));
        if (flow) flows.set(person.country, flow);
      }
      before = new Map(people.map((person) => [person.key, person]));
      you.toggleAttribute("data-idle", people.length === 0);
      for (const [country, group] of drawn) {
        if (counts.has(country)) continue;
        group.remove();
        drawn.delete(country);
      }
      for (const country of counts.keys()) {
        const group = drawn.get(country) ?? line(country, arcs);
        if (!group) continue;
        drawn.set(country, group);
        const flow = flows.get(country);
        if (flow) group.setAttribute("data-flow", flow);
        else group.removeAttribute("data-flow");
      }
      const lines = [...counts]
        .sort(([a, many], [b, more]) => Number(a === "") - Number(b === "") || more - many || (a < b ? -1 : 1))
        .map(([country, count]) => texts.people(count, country));
      if (lines.length === 0) lines.push(texts.nobody);
      // Writing the same words again would make some screen readers say them again.
      if (listed === lines.join("\n")) return;
      listed = lines.join("\n");
      list.replaceChildren(
        ...lines.map((text) => {
          const item = document.createElement("li");
          item.textContent = text;
          return item;
        }),
      );
    },
    remove() {
      svg.remove();
      list.remove();
      undress();
    },
  };
}

/** To the visitor or away from them: where more has gone since the last look. */
type Flow = "in" | "out";

function flowOf(now: Person, then: Person | undefined): Flow | undefined {
  const up = now.bytesUp - (then?.bytesUp ?? 0);
  const down = now.bytesDown - (then?.bytesDown ?? 0);
  return up + down <= 0 ? undefined : up > down ? "in" : "out";
}

function line(country: string, arcs: SVGGElement): SVGGElement | undefined {
  const place = middle(country);
  if (!place) return undefined;
  const group = draw("g", {});
  const d = arc(place);
  const end = draw("circle", { class: "end", cx: place.x, cy: place.y, r: 2.8 });
  group.append(draw("path", { class: "arc", d }), draw("path", { class: "flow", d }), end);
  arcs.append(group);
  return group;
}

/** A sheet made by script is allowed by a policy that forbids inline styles. Several pictures in one tree share it. */
function dress(root: Node): () => void {
  if (!(root instanceof ShadowRoot || root instanceof Document)) return () => undefined;
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  const mine = sheet;
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, mine];
  return () => {
    const place = root.adoptedStyleSheets.lastIndexOf(mine);
    root.adoptedStyleSheets = root.adoptedStyleSheets.filter((_, index) => index !== place);
  };
}
