/**
 * Chrome's service worker: it makes the offscreen document, in which alone there is WebRTC, and holds the toolbar.
 *
 * Chrome ends and restarts it as it likes; it keeps nothing in memory that matters.
 */

import { isSign, WAKE } from "./messages.js";
import { say } from "./say.js";
import { show } from "./toolbar.js";

let making: Promise<void> | undefined;

/** Makes sure that the document is there. It finds out itself whether it has something to do, and goes away if not. */
async function wake(): Promise<void> {
  if (await chrome.offscreen.hasDocument()) return;
  making ??= chrome.offscreen
    .createDocument({
      url: `offscreen.html?tag=${say("tag")}`,
      reasons: ["WEB_RTC"],
      justification: "Passes on encrypted data between readers and the newsroom that the volunteer has chosen.",
    })
    .finally(() => (making = undefined));
  await making;
}

chrome.runtime.onStartup.addListener(() => void wake());
chrome.runtime.onInstalled.addListener(({ reason }) => {
  if (reason === "install") void chrome.runtime.openOptionsPage();
  else void wake();
});
chrome.runtime.onMessage.addListener((message, _, respond) => {
  if (isSign(message)) show(message);
  if (message !== WAKE) return undefined;
  wake().then(
    () => respond(true),
    () => respond(false),
  );
  return true;
});
