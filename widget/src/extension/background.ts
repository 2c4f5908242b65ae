/** Firefox's background page: it helps, and holds the toolbar. */

import { Host } from "./host.js";
import { WAKE } from "./messages.js";
import { show } from "./toolbar.js";

// Firefox ends a background page in which nothing of the extension's own has happened for half a minute; connections do
// not count. Any call to the browser does.
const STAY_EVERY_MS = 10_000;
let staying: ReturnType<typeof setInterval> | undefined;

new Host({
  show,
  onBusy: (busy) => {
    clearInterval(staying);
    if (busy) staying = setInterval(() => void chrome.runtime.getPlatformInfo(), STAY_EVERY_MS);
  },
});

// Being heard is enough: the page is there then.
chrome.runtime.onStartup.addListener(() => undefined);
chrome.runtime.onMessage.addListener((message, _, respond) => {
  if (message === WAKE) respond(true);
  return undefined;
});
chrome.runtime.onInstalled.addListener(({ reason }) => {
  if (reason === "install") void chrome.runtime.openOptionsPage();
});
