/** Whether this is a time and place to help, as the volunteer and the site wish. Pure. */

import type { Wishes } from "./snapshot.js";
import type { PauseReason } from "./states.js";
import { endOfMonth, isWithin, lesser, nextTurn } from "./wishes.js";

/** What the page sees around it. */
export interface World {
  /** Nobody looks at the page. */
  readonly hidden: boolean;
  /** The page lies in the cache for the back button, or is on its way there. */
  readonly away: boolean;
  /** Undefined where the browser does not tell. */
  readonly charging: boolean | undefined;
  /** Data is paid by the megabyte here, or the visitor asks for little. Undefined where the browser does not tell. */
  readonly costly: boolean | undefined;
  /** Nothing of this month's data is left. */
  readonly spent: boolean;
}

export interface Pause {
  readonly reason: PauseReason | "";
  /** When it ends by itself, or null when nobody knows. */
  readonly until: number | null;
  /** When to look again at the latest, because a wish begins or ends by the clock; null = only when the world changes. */
  readonly lookAgainAt: number | null;
}

/** Several people's wishes hold at once: it goes on when all of them let it. */
export function together(pauses: readonly Pause[]): Pause {
  const paused = pauses.filter(({ reason }) => reason !== "");
  const ends = paused.map(({ until }) => until);
  return {
    reason: paused[0]?.reason ?? "",
    until: ends.reduce((last, end) => (last === null || end === null ? null : Math.max(last, end)), ends[0] ?? null),
    lookAgainAt: pauses.reduce<number | null>((first, { lookAgainAt }) => lesser(first, lookAgainAt), null),
  };
}

export function pauseOf(wishes: Wishes, pauseHidden: boolean, world: World, now: Date): Pause {
  const { hours } = wishes;
  const turn = hours && nextTurn(hours, now);
  const monthEnd = wishes.monthly === null ? null : endOfMonth(now);
  const lookAgainAt = lesser(turn, monthEnd);
  const paused = (reason: PauseReason | "", until: number | null = null): Pause => ({ reason, until, lookAgainAt });
  if (world.away) return paused("hidden");
  if (hours && !isWithin(hours, now)) return paused("hours", turn);
  if (world.spent) return paused("spent", monthEnd);
  // A limit whose watch does not work must not be passed over: unknown counts as not charging.
  if (wishes.charging && world.charging !== true) return paused("charging");
  if (!wishes.metered && world.costly === true) return paused("metered");
  if (pauseHidden && world.hidden) return paused("hidden");
  return paused("");
}
