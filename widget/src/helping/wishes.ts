/** What a volunteer may wish for, and what of it makes sense. Pure. */

import { LIMITS } from "../bridge/limits.js";
import { NO_LIMITS, type Hours, type Wishes } from "./snapshot.js";

const DAY_MINUTES = 24 * 60;
/** A megabit. At a quarter of that, a measured session's lanes fell silent for so long that the reader gave them up, again and again. */
export const LEAST_SPEED = 125_000;
export const LEAST_MONTHLY = 1_000_000;
const MOST = Number.MAX_SAFE_INTEGER;

/** Takes each wish that makes sense, and the default for each that does not: what was kept may be old or damaged. */
export function checkedWishes(value: unknown): Wishes {
  const { maxReaders, speed, monthly, charging, metered, hours } = Object(value) as Partial<Record<keyof Wishes, unknown>>;
  return {
    maxReaders: whole(maxReaders, 1, LIMITS.maxReaders) ?? NO_LIMITS.maxReaders,
    speed: whole(speed, LEAST_SPEED, MOST),
    monthly: whole(monthly, LEAST_MONTHLY, MOST),
    charging: charging === true,
    metered: metered === true,
    hours: checkedHours(hours),
  };
}

/** What of two people's wishes holds for both, as far as one number or one word can say it: of the hours, the first one's. */
export function strictest(one: Wishes, other: Wishes): Wishes {
  return {
    maxReaders: Math.min(one.maxReaders, other.maxReaders),
    speed: lesser(one.speed, other.speed),
    monthly: lesser(one.monthly, other.monthly),
    charging: one.charging || other.charging,
    metered: one.metered && other.metered,
    hours: one.hours ?? other.hours,
  };
}

/** The lesser of two limits, of which null is none. */
export function lesser(one: number | null, other: number | null): number | null {
  return one === null ? other : other === null ? one : Math.min(one, other);
}

/** The number without its fraction, brought between the bounds; null when it is none. */
function whole(value: unknown, least: number, most: number): number | null {
  if (typeof value !== "number" || Number.isNaN(value)) return null;
  return Math.min(most, Math.max(least, Math.floor(value)));
}

function checkedHours(value: unknown): Hours | null {
  const { from, to } = Object(value) as Partial<Record<keyof Hours, unknown>>;
  if (!isMinute(from) || !isMinute(to) || from === to) return null;
  return { from, to };
}

function isMinute(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < DAY_MINUTES;
}

/** Whether that moment, in local time, is one of the hours. */
export function isWithin({ from, to }: Hours, moment: Date): boolean {
  const minute = moment.getHours() * 60 + moment.getMinutes();
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

/** When the hours next begin or end after that moment: milliseconds since 1970. */
export function nextTurn({ from, to }: Hours, moment: Date): number {
  // Local midnight and its minutes, so that days of 23 and 25 hours come out right.
  const at = (day: number, minute: number): number =>
    new Date(moment.getFullYear(), moment.getMonth(), moment.getDate() + day, 0, minute).getTime();
  return Math.min(...[at(0, from), at(0, to), at(1, from), at(1, to)].filter((time) => time > moment.getTime()));
}

/** The month of that moment, in local time, like "2026-11". */
export function monthOf(moment: Date): string {
  return `${moment.getFullYear()}-${String(moment.getMonth() + 1).padStart(2, "0")}`;
}

/** When the month of that moment ends. */
export function endOfMonth(moment: Date): number {
  return new Date(moment.getFullYear(), moment.getMonth() + 1, 1).getTime();
}

/** The day of that moment, in local time, like "2026-11-24". */
export function dayOf(moment: Date): string {
  return `${monthOf(moment)}-${String(moment.getDate()).padStart(2, "0")}`;
}
