import assert from "node:assert/strict";
import { test } from "node:test";

import { places, type Totals } from "../src/pages/totals.js";
import { Language } from "../src/words/language.js";

const TOTALS: Totals = { since: "2026-03-01", until: "2026-11-22", people_a_day: 1200, carried_bytes: 4.5e12, bridges: 87, bridge_hours: 99_000, error_percent: 1.6 };

test("totals are written as the language does", () => {
  assert.deepEqual(places(TOTALS, new Language("en")), { people: "1,200", bridges: "87", carried: "4.5 TB", hours: "99,000", since: "March 1, 2026", until: "November 22, 2026" });
  assert.equal(places(TOTALS, new Language("de"))["since"], "1. März 2026");
  assert.match(places(TOTALS, new Language("fa"))["people"] ?? "", /^[۰-۹٬]+$/);
});

test("what is too small to be told is left out", () => {
  assert.deepEqual(places({ ...TOTALS, since: "", until: "", people_a_day: 0, carried_bytes: 0, bridges: 0, bridge_hours: 0 }, new Language("en")), {});
});
