import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";

import { statusOf } from "../src/face/status.js";
import type { Snapshot } from "../src/helping/snapshot.js";
import type { Reason } from "../src/helping/states.js";
import { DETAILS } from "../src/words/en-details.js";
import { SWITCH } from "../src/words/en.js";
import { choose, fill, Language } from "../src/words/language.js";
import { testLanguage, texts } from "./language-checks.js";
import { LANGUAGES } from "./languages.js";

const QUIET = { on: true, counts: { readers: 0, lanes: 0, bytesUp: 0, bytesDown: 0 } } as Snapshot;

const ENGLISH = texts({ switch: SWITCH, details: DETAILS });

test("every language is tested here", () => {
  const others = ["en", "en-details", "language", "words"];
  const files = readdirSync("src/words").map((name) => name.replace(/\.ts$/, ""));
  assert.deepEqual(Object.keys(LANGUAGES).sort(), files.filter((name) => !others.includes(name)).sort());
});

for (const [tag, words] of Object.entries(LANGUAGES)) testLanguage("the switch", tag, texts(words), ENGLISH);

test("a count takes its form", () => {
  const english = new Language("en");
  assert.equal(english.count(SWITCH.helping, 1), "Helping one person right now.");
  assert.equal(english.count(SWITCH.helping, 1234), "Helping 1,234 people right now.");
  const arabic = new Language("ar");
  const forms = { zero: "0", one: "1", two: "2", few: "few {count}", many: "many", other: "other" };
  assert.deepEqual([0, 1, 2, 11, 100].map((count) => arabic.count(forms, count)), ["0", "1", "2", "many", "other"]);
});

test("a value takes its place, an unknown place stays", () => {
  assert.equal(fill("{a} and {b} and {a}", { a: "1" }), "1 and {b} and 1");
});

test("bytes are told in the unit that fits", () => {
  const english = new Language("en");
  assert.equal(english.bytes(400), "0 kB");
  assert.equal(english.bytes(12_345), "12 kB");
  assert.equal(english.bytes(3_210_000), "3.2 MB");
  assert.equal(english.bytes(9_999_000_000_000_000), "9,999 TB");
  assert.match(new Language("de").bytes(3_210_000), /^3,2\sMB$/);
});

test("a pause whose end is known says when it goes on: the time within a day, else the day", () => {
  const now = new Date("2026-11-24T18:30:00").getTime();
  const english = new Language("en");
  const paused = (reason: Reason, until: string | null): string =>
    statusOf({ ...QUIET, state: "paused", reason, until: until === null ? null : new Date(until).getTime() }, SWITCH, english, now);
  assert.match(paused("hours", "2026-11-24T22:00:00"), /^Paused until the hours that you chose\. It goes on: 10:00\sPM\.$/);
  assert.match(paused("hours", "2026-11-25T06:05:00"), /It goes on: 6:05\sAM\.$/);
  assert.equal(paused("spent", "2026-12-01T00:00:00"), "Paused: this month’s data is used up. Thank you! It goes on: December 1.");
  assert.equal(paused("hours", null), "Paused until the hours that you chose.");
  assert.equal(new Language("de").moment(new Date("2026-11-24T22:00:00").getTime(), now), "22:00");
});

const AVAILABLE = ["en", "de", "zh-Hans", "zh-Hant", "pt", "fa", "ar", "be"];
const CHOICES: readonly (readonly [wished: readonly string[], chosen: string])[] = [
  [["de"], "de"],
  [["de-AT"], "de"],
  [["DE_ch"], "de"],
  [["zh"], "zh-Hans"],
  [["zh-TW"], "zh-Hant"],
  [["zh-HK"], "zh-Hant"],
  [["zh-Hant-MO"], "zh-Hant"],
  [["zh-CN"], "zh-Hans"],
  [["pt-BR"], "pt"],
  [["fa-AF"], "fa"],
  [["it", "de"], "de"],
  [["it"], "en"],
  [["en-GB", "de"], "en"],
  [["", "no tag", "x", "de"], "de"],
  [[], "en"],
];
for (const [wished, chosen] of CHOICES) test(`who wishes ${wished.join(", ") || "nothing"} gets ${chosen}`, () => assert.equal(choose(wished, AVAILABLE), chosen));
