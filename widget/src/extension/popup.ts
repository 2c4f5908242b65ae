/** What opens from the toolbar: the switch, and whom it helps. */

import { showSwitch } from "./shown.js";
import { element, say } from "./say.js";

showSwitch(({ operator }) => {
  element("whom").textContent = operator === "" ? say("nobody") : say("whom", { host: new URL(operator).host });
});
