/** The switch in a frame of another site: takes the site's choices from the address, and talks with the page around it. */

import { attributes, choiceOf, inFrame } from "./choice.js";
import { FrameTalk, type Told } from "./frame.js";

const element = document.querySelector<HTMLElement>("unwalled-bridge");
if (element) {
  const choice = inFrame(choiceOf(new URLSearchParams(location.search)));
  // The document is in that language already.
  for (const [name, value] of attributes(choice)) if (name !== "lang") element.setAttribute(name, value);
  if (choice.theme !== "auto") document.documentElement.dataset["theme"] = choice.theme;
  if (choice.colour !== "") element.style.setProperty("--uw-live", choice.colour);
  document.documentElement.dataset["layout"] = choice.layout;
  if (window.parent !== window) talk(element);
}

function talk(element: HTMLElement): void {
  const now = (): Told => ({
    height: Math.ceil(document.documentElement.getBoundingClientRect().height),
    state: element.getAttribute("state") ?? "off",
  });
  const conversation = new FrameTalk(now(), framedBy(), (message, origin) => window.parent.postMessage(message, origin));
  addEventListener("message", ({ data, origin, source }: MessageEvent<unknown>) => {
    conversation.receive({ data, origin, fromParent: source === window.parent });
  });
  const tell = (): void => conversation.update(now());
  element.addEventListener("statechange", tell);
  new ResizeObserver(tell).observe(document.documentElement);
}

/** The origin of the page around, where this browser tells. */
function framedBy(): string | undefined {
  const { ancestorOrigins } = location as Location & { readonly ancestorOrigins?: DOMStringList };
  const nearest = ancestorOrigins?.[0];
  return nearest === undefined || nearest === "null" ? undefined : nearest;
}
