/** The switch in a frame of another site: takes the site's choices from the address, and talks with the page around it. */

import { attributes, choiceOf, inFrame } from "./choice.js";
import { FrameTalk, type Told } from "./frame.js";

const element = document.querySelector<HTMLElement>("unwalled-bridge");
if (element) {
  const choice = inFrame(choiceOf(new URLSearchParams(location.search)));
  // The document is in that language already.
  for (const [name, value] of attributes(choice)) if (name !== "lang") element.setAttribute(name, value);
  if (choice.colour !== "") element.style.setProperty("--uw-live", choice.colour);
  document.documentElement.dataset["layout"] = choice.layout;
  if (window.parent !== window) talk(element);
}

function talk(element: HTMLElement): void {
  const now = (): Told => ({
    height: Math.ceil(document.documentElement.getBoundingClientRect().height + heightOfLoosePanel(element)),
    state: element.getAttribute("state") ?? "off",
  });
  const conversation = new FrameTalk(now(), framedBy(), (message, origin) => window.parent.postMessage(message, origin));
  addEventListener("message", ({ data, origin, source }: MessageEvent<unknown>) => {
    conversation.receive({ data, origin, fromParent: source === window.parent });
  });
  const tell = (): void => conversation.update(now());
  element.addEventListener("statechange", tell);
  const watching = new ResizeObserver(tell);
  watching.observe(document.documentElement);
  void customElements.whenDefined("unwalled-bridge").then(() => {
    const panel = element.shadowRoot?.querySelector('[part~="panel"]');
    if (panel) watching.observe(panel);
  });
}

/** A badge's panel lies over what is there, so that it does not count in the height of the page. */
function heightOfLoosePanel(element: HTMLElement): number {
  const panel = element.shadowRoot?.querySelector<HTMLElement>('[part~="panel"]');
  if (!panel || !["absolute", "fixed"].includes(getComputedStyle(panel).position)) return 0;
  // The bounds of a fixed panel are cut to those of the frame.
  return panel.scrollHeight === 0 ? 0 : Math.max(panel.scrollHeight, panel.offsetHeight) + 16;
}

/** The origin of the page around, where this browser tells. */
function framedBy(): string | undefined {
  const { ancestorOrigins } = location as Location & { readonly ancestorOrigins?: DOMStringList };
  const nearest = ancestorOrigins?.[0];
  return nearest === undefined || nearest === "null" ? undefined : nearest;
}
