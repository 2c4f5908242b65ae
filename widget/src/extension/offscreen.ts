/** Chrome's offscreen document: it helps. Chrome's worker, which alone may touch the toolbar, hears from it what to show. */

import { Host } from "./host.js";

/** Whoever has woken it needs a moment to connect. */
const LEAVE_AFTER_MS = 10_000;
let leaving: ReturnType<typeof setTimeout> | undefined;

new Host({
  show: (sign) => void chrome.runtime.sendMessage(sign),
  onBusy: (busy) => {
    clearTimeout(leaving);
    // An idle document costs some memory. The worker makes a new one when somebody looks.
    if (!busy) leaving = setTimeout(() => close(), LEAVE_AFTER_MS);
  },
});
