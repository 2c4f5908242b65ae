/** English: the words of the closed switch. It is built into the script that every page loads. */

import type { SwitchWords } from "./words.js";

export const SWITCH: SwitchWords<"one"> = {
  label: "Help people read freely",
  sentence:
    "While this page is open, your browser passes on encrypted data between this newsroom and people for whom it is blocked. You cannot see what they read, and the sites they read see the newsroom’s address, never yours.",
  off: "Off. Nothing is sent until you turn it on.",
  connecting: "Connecting…",
  waiting: "Ready. Waiting for someone who needs a way through.",
  helping: { one: "Helping one person right now.", other: "Helping {count} people right now." },
  paused: {
    offline: "Paused: this device is offline. Helping goes on by itself when it is back.",
    hidden: "Paused while this page is out of sight.",
    charging: "Paused until this device is charging.",
    metered: "Paused: data costs money on this connection, or the data saver is on.",
    hours: "Paused until the hours that you chose.",
    spent: "Paused: this month’s data is used up. Thank you!",
    elsewhere: "Another tab or window of this browser helps already.",
  },
  until: "{status} It goes on: {time}.",
  unsupported: { browser: "This browser cannot help: WebRTC is missing or turned off in it." },
  error: {
    unreachable: "The server cannot be reached. Trying again by itself.",
    operator: "This page does not say rightly which server to help.",
    full: "The server has enough helpers just now. Trying again by itself.",
    version: "This page is too old for its server. Reload it to help.",
    network: "Your network lets nobody in. Another network may.",
    protocol: "The server gave an answer that makes no sense. Trying again by itself.",
    private: "This server does not let you choose whom you help.",
  },
  carried: "{amount} carried so far",
  details: "How does this work?",
  close: "Close",
  hide: "Hide this",
  unavailable: "This could not be loaded. Reload the page to try again.",
};
