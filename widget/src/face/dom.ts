/** Small helpers for building what is seen: elements without markup, sheets without inline styles. */

const SVG = "http://www.w3.org/2000/svg";
const sheets = new Map<string, CSSStyleSheet>();

export type Attributes = Readonly<Record<string, string>>;

/** A sheet made by script is allowed by a policy that forbids inline styles. One serves all elements of a page. */
export function sheet(css: string): CSSStyleSheet {
  let made = sheets.get(css);
  if (!made) {
    made = new CSSStyleSheet();
    made.replaceSync(css);
    sheets.set(css, made);
  }
  return made;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  return dress(document.createElement(tag), attributes, children);
}

export function draw(tag: string, attributes: Attributes, ...children: readonly Node[]): SVGElement {
  return dress(document.createElementNS(SVG, tag) as SVGElement, attributes, children);
}

/** A text in which commands stand in backticks, as the operator writes them for a terminal. */
export function marked(text: string): (Node | string)[] {
  return text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

/** Writing the same words again would make some screen readers say them again. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function dress<E extends Element>(element: E, attributes: Attributes, children: readonly (Node | string)[]): E {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
