/** The script that a page loads: makes `<unwalled-bridge>` known to the browser, and nothing else. */

import { UnwalledBridgeElement } from "./face/element.js";
import { operatorOf } from "./face/operator.js";

export { UnwalledBridgeElement };
export type { StateChange, Stats, UnwalledBridgeEventMap } from "./face/element.js";

UnwalledBridgeElement.defaultOperator = operatorOf(import.meta.url);
// A page that loads the script twice, from two addresses, keeps the first.
if (!customElements.get("unwalled-bridge")) customElements.define("unwalled-bridge", UnwalledBridgeElement);
