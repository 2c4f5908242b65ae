/** All that helps, as a part of the widget: it is loaded when the switch is turned on, and costs nobody else anything. */

import { check as checkNetwork } from "./check.js";
import { BROWSER_HOST } from "./host.js";
import { Shift, type ShiftOptions } from "./shift.js";
import type { Findings } from "./snapshot.js";

/** Begins one stretch of helping. */
export function help(options: Omit<ShiftOptions, "host">): Shift {
  return new Shift({ ...options, host: BROWSER_HOST });
}

/** "Can my connection help?" Never rejects. */
export function check(operator: string): Promise<Findings> {
  return checkNetwork({ operator, net: BROWSER_HOST.net, transports: BROWSER_HOST.transports });
}
