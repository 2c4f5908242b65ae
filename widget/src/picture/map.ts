/** The map behind the picture: dots where there is land, the middles of countries, and lines from there to here. Pure. */

import { GRID, LAND, MIDDLES } from "./world.js";

export interface Place {
  readonly x: number;
  readonly y: number;
}

export const WIDTH = 360;
/** Below the land there is room for the visitor, who is nowhere in particular: nobody knows where they are. */
export const HEIGHT = GRID.height + 28;
export const YOU: Place = { x: WIDTH / 2, y: HEIGHT - 8 };

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function number(letters: string): number {
  return [...letters].reduce((sum, letter) => sum * 64 + LETTERS.indexOf(letter), 0);
}

/** SVG path data of all dots of land: lines without length, which round ends make to dots. */
export function land(): string {
  const dots: string[] = [];
  for (let place = 0; place < LAND.length * 6; place += 1) {
    const six = LETTERS.indexOf(LAND.charAt(Math.floor(place / 6)));
    if (((six >> (5 - (place % 6))) & 1) === 0) continue;
    const row = Math.floor(place / GRID.columns);
    const x = ((place % GRID.columns) + (row % 2 === 0 ? 0.25 : 0.75)) * GRID.step;
    dots.push(`M${tenths(x)} ${tenths((row + 0.5) * GRID.row)}h0`);
  }
  return dots.join("");
}

/** The middle of a country by its code (ISO 3166-1 alpha-2): never a more exact place. Undefined for one not on the map. */
export function middle(code: string): Place | undefined {
  if (!/^[A-Z]{2}$/.test(code)) return undefined;
  for (let start = 0; start < MIDDLES.length; start += 6) {
    if (MIDDLES.startsWith(code, start)) {
      return { x: number(MIDDLES.slice(start + 2, start + 4)) / 10, y: number(MIDDLES.slice(start + 4, start + 6)) / 10 };
    }
  }
  return undefined;
}

/** SVG path data of a line that rises from a country and comes down to the visitor. */
export function arc({ x, y }: Place): string {
  const aside = (x - YOU.x) * 0.12;
  const rise = 14 + Math.hypot(x - YOU.x, y - YOU.y) * 0.22;
  const bend = { x: (x + YOU.x) / 2 + aside, y: Math.max(2, (y + YOU.y) / 2 - rise) };
  return `M${tenths(x)} ${tenths(y)}Q${tenths(bend.x)} ${tenths(bend.y)} ${tenths(YOU.x)} ${tenths(YOU.y)}`;
}

function tenths(value: number): string {
  return String(Math.round(value * 10) / 10);
}
