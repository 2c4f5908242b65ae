/** How long to wait before the next try. Pure: randomness comes in. */

import type { Limits } from "./limits.js";

/**
 * Doubles with every failure up to the limit; half of it is random, so that pages that lost the same broker at the same
 * moment do not come back at the same moment.
 *
 * @param failures How many tries have failed in a row, at least 1.
 * @param random Between 0 and 1.
 */
export function backoffMs(failures: number, random: number, limits: Limits): number {
  const whole = Math.min(limits.reconnectMaxMs, limits.reconnectMinMs * 2 ** Math.min(failures - 1, 30));
  return (whole / 2) * (1 + random);
}
