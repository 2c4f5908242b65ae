/**
 * The operator's small window: helps in the place of the page that has opened it. helping/window.ts is the other side.
 *
 * It helps by itself only when its opener lends it the volunteer's limits. The opener hears from it only at the origin from which the
 * loan came: when that tab goes to another site, that site hears nothing.
 */

import type { UnwalledBridgeElement } from "../face/element.js";
import { checkedWishes } from "../helping/wishes.js";
import type { FromWindow, ToWindow } from "../helping/window.js";

const SAY_EVERY_MS = 2_000;

/** What is heard from the opener, or undefined for what is none of it. */
function read(data: unknown): ToWindow | undefined {
  const { unwalled, loan, wishes } = Object(data) as { unwalled?: unknown; loan?: unknown; wishes?: unknown };
  if (unwalled === "wishes") return { unwalled, wishes: checkedWishes(wishes) };
  if (unwalled !== "help") return undefined;
  const lent = Object(loan) as { wishes?: unknown; bytes?: unknown };
  const bytes = typeof lent.bytes === "number" && lent.bytes >= 0 ? lent.bytes : null;
  return { unwalled, loan: { wishes: checkedWishes(lent.wishes), bytes } };
}

function begin(opener: Window, element: UnwalledBridgeElement): void {
  let origin: string | undefined;
  const say = (message: FromWindow): void => {
    if (origin !== undefined) opener.postMessage(message, origin);
  };
  const sayHelping = (): void => {
    const { on, lent } = element.snapshot;
    // Both may be pages of one site, of which one helps at a time: the opener must let go before anything can begin here.
    if (on) return say({ unwalled: "helping" });
    if (origin === undefined) return;
    say({ unwalled: "off", bytes: lent });
    close();
  };
  const tellLeft = (bytes: number): void => say({ unwalled: "left", bytes });
  addEventListener("message", (event) => {
    const message = event.source === opener ? read(event.data) : undefined;
    if (!message || (origin !== undefined && event.origin !== origin)) return;
    if (message.unwalled === "help") {
      origin = event.origin;
      element.borrow({ ...message.loan, isForeign: origin !== location.origin, tellLeft });
      sayHelping();
    } else if (origin !== undefined) {
      element.borrow({ wishes: message.wishes, bytes: element.snapshot.lent, isForeign: origin !== location.origin, tellLeft });
    }
  });
  element.addEventListener("statechange", sayHelping);
  setInterval(sayHelping, SAY_EVERY_MS);
  addEventListener("pagehide", () => say({ unwalled: "gone", bytes: element.snapshot.lent }));
  // It says nothing of the visitor, so that whoever has opened the window may hear it.
  opener.postMessage({ unwalled: "here" } satisfies FromWindow, "*");
}

const element = document.querySelector("unwalled-bridge");
if (element && opener) {
  void customElements.whenDefined("unwalled-bridge").then(() => begin(opener as Window, element));
}
