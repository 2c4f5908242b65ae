/** All that carries data, as a part of the widget: it is loaded when the switch is turned on, and costs nobody else anything. */

import { BROWSER_NET } from "../bridge/broker.js";
import { BROWSER_TRANSPORTS } from "../bridge/lane.js";
import { Helper, type HelperOptions } from "./helper.js";

export type HelpOptions = Omit<HelperOptions, "net" | "transports">;

/** Begins one stretch of helping. */
export function help(options: HelpOptions): Helper {
  return new Helper({ ...options, net: BROWSER_NET, transports: BROWSER_TRANSPORTS });
}
