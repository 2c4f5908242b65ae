/** The script that a page loads: makes `<unwalled-bridge>` known to the browser, and nothing else. */

import { UnwalledBridgeElement } from "./face/element.js";

export { UnwalledBridgeElement };
export type { StateChange, Stats, UnwalledBridgeEventMap } from "./face/element.js";

UnwalledBridgeElement.defaultOperator = new URL(import.meta.url).origin;
// A page that loads the script twice, from two addresses, keeps the first.
if (!customElements.get("unwalled-bridge")) customElements.define("unwalled-bridge", UnwalledBridgeElement);
