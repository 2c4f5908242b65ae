/** The icon in the browser's toolbar: its picture, its badge, and its words. */

import type { State } from "../helping/states.js";
import type { Sign } from "./messages.js";

/** Names of pictures that scripts/extension.mjs draws. */
type Picture = "off" | "waiting" | "helping" | "trouble";

const PICTURES: Readonly<Record<State, Picture>> = {
  off: "off",
  connecting: "waiting",
  waiting: "waiting",
  helping: "helping",
  paused: "trouble",
  error: "trouble",
  unsupported: "trouble",
};
const BADGE_COLOUR = "#0b7a53";
const SIZES = [16, 32];

export function show({ state, readers, title }: Sign): void {
  const { action } = chrome;
  if (!action) return;
  const picture = PICTURES[state];
  void action.setIcon({ path: Object.fromEntries(SIZES.map((size) => [size, `/icons/${picture}-${size}.png`])) });
  void action.setTitle({ title });
  void action.setBadgeBackgroundColor({ color: BADGE_COLOUR });
  void action.setBadgeTextColor({ color: "#ffffff" });
  void action.setBadgeText({ text: state === "helping" ? String(readers) : "" });
}
