/** The volunteer's own limits as simple controls. */

import type { Hours } from "../helping/snapshot.js";
import { fill } from "../words/language.js";
import type { DetailsWords } from "../words/words.js";
import { checkbox, select, time } from "./controls.js";
import type { Context, Section } from "./details.js";
import { make, setText } from "./dom.js";

const READERS = [1, 2, 3, 4, 5, 6, 7, 8];
const MBIT = 125_000;
const SPEEDS = [null, MBIT, 2 * MBIT, 5 * MBIT, 10 * MBIT, 20 * MBIT, 50 * MBIT];
const GB = 1e9;
const MONTHLY = [null, GB, 5 * GB, 10 * GB, 20 * GB, 50 * GB, 100 * GB];
/** The evening and the night, where somebody wants hours at all. */
const FIRST_HOURS: Hours = { from: 18 * 60, to: 8 * 60 };

export function limits({ limits: words }: DetailsWords, { language, driver }: Context): Section {
  const readers = select(words.readers, READERS, (count) => language.number(count), (maxReaders) => driver.set({ maxReaders }));
  const speed = select(
    words.speed,
    SPEEDS,
    (value) => (value === null ? words.anySpeed : language.speed(value)),
    (value) => driver.set({ speed: value }),
  );
  const monthly = select(
    words.monthly,
    MONTHLY,
    (value) => (value === null ? words.anyAmount : language.bytes(value)),
    (value) => driver.set({ monthly: value }),
  );
  const left = make("p", { part: "note" });
  const charging = checkbox(words.charging, "", (value) => driver.set({ charging: value }));
  const metered = checkbox(words.metered, "", (value) => driver.set({ metered: value }));
  const hasHours = checkbox(words.hours, "", (value) => driver.set({ hours: value ? FIRST_HOURS : null }));
  const from = time(words.from, (value) => setHours({ from: value }));
  const to = time(words.to, (value) => setHours({ to: value }));
  const span = make("div", { part: "hours", role: "group", "aria-label": words.hours }, from.element, to.element);

  function setHours(change: Partial<Hours>): void {
    const hours = { ...(driver.snapshot.wishes.hours ?? FIRST_HOURS), ...change };
    // From nine to nine would be never or always.
    if (hours.from !== hours.to) driver.set({ hours });
  }

  return {
    title: words.title,
    content: [
      make("p", { part: "note" }, words.note),
      ...[readers, speed, monthly].map(({ element }) => element),
      left,
      ...[charging, metered, hasHours].map(({ element }) => element),
      span,
    ],
    render: ({ wishes, left: bytes, abilities }) => {
      readers.show(wishes.maxReaders);
      speed.show(wishes.speed);
      monthly.show(wishes.monthly);
      left.hidden = bytes === null;
      setText(left, bytes === null ? "" : fill(words.left, { amount: language.bytes(bytes) }));
      charging.element.hidden = !abilities.charging;
      charging.show(wishes.charging);
      metered.element.hidden = !abilities.metered;
      metered.show(wishes.metered);
      hasHours.show(wishes.hours !== null);
      span.hidden = wishes.hours === null;
      from.show((wishes.hours ?? FIRST_HOURS).from);
      to.show((wishes.hours ?? FIRST_HOURS).to);
    },
  };
}
