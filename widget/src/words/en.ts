/** Every word that a visitor reads in the widget. One object for each language; English is built in. */

import type { Counts } from "../bridge/bridge.js";
import type { Reason, Shown } from "../helping/states.js";

export interface Texts {
  readonly label: string;
  readonly sentence: string;
  status(shown: Shown, counts: Counts): string;
  /** What has been carried so far, or "" for nothing yet. */
  carried(counts: Counts): string;
}

const PAUSED: Partial<Record<Reason, string>> = {
  offline: "Paused: this device is offline. Helping goes on by itself when it is back.",
  hidden: "Paused while this page is out of sight.",
  charging: "Paused until this device is charging.",
  metered: "Paused: data costs money on this connection, or the data saver is on.",
  hours: "Paused until the hours that you chose.",
  spent: "Paused: this month’s data is used up. Thank you!",
  elsewhere: "Another tab or window of this browser helps already.",
};

const FAILED: Partial<Record<Reason, string>> = {
  operator: "This page does not say rightly which server to help.",
  full: "The server has enough helpers just now. Trying again by itself.",
  version: "This page is too old for its server. Reload it to help.",
  network: "Your network lets nobody in. Another network may.",
  protocol: "The server gave an answer that makes no sense. Trying again by itself.",
};

function bytes(count: number): string {
  const units = ["kilobyte", "megabyte", "gigabyte", "terabyte"];
  let value = count / 1000;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const maximumFractionDigits = value < 10 && unit > 0 ? 1 : 0;
  return new Intl.NumberFormat("en", { style: "unit", unit: units[unit] ?? "byte", maximumFractionDigits }).format(value);
}

export const ENGLISH: Texts = {
  label: "Help people read freely",
  sentence:
    "While this page is open, your browser passes on encrypted data between this newsroom and people for whom it is blocked. You cannot see what they read, and the sites they read see the newsroom’s address, never yours.",
  status({ state, reason }, { readers }) {
    switch (state) {
      case "off":
        return "Off. Nothing is sent until you turn it on.";
      case "connecting":
        return "Connecting…";
      case "waiting":
        return "Ready. Waiting for someone who needs a way through.";
      case "helping":
        return readers === 1 ? "Helping one person right now." : `Helping ${readers} people right now.`;
      case "paused":
        return PAUSED[reason] ?? "Paused.";
      case "unsupported":
        return "This browser cannot help: WebRTC is missing or turned off in it.";
      case "error":
        return FAILED[reason] ?? "The server cannot be reached. Trying again by itself.";
    }
  },
  carried(counts) {
    const sum = counts.bytesUp + counts.bytesDown;
    return sum === 0 ? "" : `${bytes(sum)} carried so far`;
  },
};
