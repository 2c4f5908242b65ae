import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { describe } from "../src/panel/bridges.js";
import { Format, OWN_NAMES } from "../src/panel/format.js";
import { SpeedHistory, SPAN_MS, top, trace, type Sample } from "../src/panel/history.js";
import { Lines } from "../src/panel/lines.js";
import { merge, type Bridge, type Lane, type Line, type Snapshot, type Trouble } from "../src/panel/model.js";
import { layout } from "../src/panel/picture.js";
import { adviceFor } from "../src/panel/status.js";
import { takeToken } from "../src/panel/token.js";
import { WORDS } from "../src/panel/words/en.js";
import { WORDS as PERSIAN } from "../src/panel/words/fa.js";
import { Language } from "../src/words/language.js";
import { PANEL_LANGUAGES } from "./panel-languages.js";

const LANE: Lane = { round_trip_ms: 84, up_bps: 0, down_bps: 0, is_silent: false };
const SNAPSHOT = { state: "off", trouble: "none", clock_error_s: 0, bridges: [] } as unknown as Snapshot;
const SETTINGS = { language: "", version: "1", has_rules: true, can_set_proxy: true, can_start_at_login: true };
const RULES = { own: [], own_count: 0, lists: [], learned: 0, names: 0 };

test("what a line does not say is as it was, and nothing is shown before everything is there", () => {
  assert.equal(merge(undefined, { snapshot: SNAPSHOT } as Line), undefined);
  const first = merge(undefined, { snapshot: SNAPSHOT, settings: SETTINGS });
  assert.deepEqual(first, { snapshot: SNAPSHOT, settings: SETTINGS });
  assert.deepEqual(merge(first, {}), first);
  const second = merge(first, { rules: RULES, settings: { ...SETTINGS, language: "fa" } });
  assert.equal(second?.settings.language, "fa");
  assert.equal(merge(second, { snapshot: SNAPSHOT })?.rules, RULES);
});

test("lines come whole, however the stream was cut", () => {
  const lines = new Lines();
  assert.deepEqual(lines.push("{}\n{\"a\""), ["{}"]);
  assert.deepEqual(lines.push(":1}"), []);
  assert.deepEqual(lines.push("\n\n"), ['{"a":1}', ""]);
  assert.throws(() => {
    for (let more = 0; more < 10; more += 1) lines.push("x".repeat(1 << 20));
  }, RangeError);
});

/** A tab with an address. */
function tab(hash: string): { place: Parameters<typeof takeToken>[0]; kept: Map<string, string>; shown: string[] } {
  const kept = new Map<string, string>();
  const shown: string[] = [];
  const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
  const history = { replaceState: (_: unknown, __: string, url?: string | URL | null) => void shown.push(String(url)) };
  return { place: { location: { hash, pathname: "/door/" }, history, storage }, kept, shown };
}

test("the token is taken out of the address, and stays with the tab", () => {
  const opened = tab("#secret");
  assert.equal(takeToken(opened.place), "secret");
  assert.deepEqual(opened.shown, ["/door/"]);
  assert.equal(takeToken({ ...opened.place, location: { hash: "", pathname: "/door/" } }), "secret");
  assert.equal(takeToken(tab("").place), undefined);
  assert.equal(takeToken({ ...tab("#secret").place, storage: undefined }), "secret");
  assert.equal(takeToken({ ...tab("").place, storage: undefined }), undefined);
});

test("a trouble comes with what to do, and one that is not known is no blank", () => {
  const english = { words: WORDS, language: new Language("en") };
  assert.equal(adviceFor(SNAPSHOT, english), undefined);
  const advice = adviceFor({ ...SNAPSHOT, trouble: "clock-wrong", clock_error_s: -200_000 }, english);
  assert.equal(advice?.cause, "This computer’s clock is wrong by 2.3 days.");
  assert.ok(advice?.remedy);
  assert.deepEqual(adviceFor({ ...SNAPSHOT, trouble: "from-the-future" as Trouble }, english), WORDS.troubles.unknown);
  assert.deepEqual(adviceFor({ ...SNAPSHOT, trouble: "toString" as Trouble }, english), WORDS.troubles.unknown);
});

test("a bridge in words", () => {
  const language = new Language("en");
  const english = { words: WORDS, language, format: new Format(language) };
  const lanes = [{ ...LANE, down_bps: 3_000_000 }, { ...LANE, round_trip_ms: 120, up_bps: 200_000 }, { ...LANE, round_trip_ms: null, is_silent: true }];
  assert.equal(describe({ number: 2, lanes }, english), "Bridge 2: 3 lanes, 3.2 Mb/s, answers in 84 ms, 1 lane is silent");
  assert.equal(describe({ number: 1, lanes: [{ ...LANE, round_trip_ms: null }] }, english), "Bridge 1: 1 lane, 0 kb/s");
  const persian = new Language("fa");
  assert.match(describe({ number: 1, lanes }, { words: PERSIAN, language: persian, format: new Format(persian) }), /پل ۱/);
});

test("rates are told in the unit that fits", () => {
  const format = new Format(new Language("en"));
  assert.deepEqual(
    [0, 999, 420_000, 999_499, 999_500, 8_400_000, 99_940_000, 123_456_000].map((bps) => format.rate(bps)),
    ["0 kb/s", "1 kb/s", "420 kb/s", "999 kb/s", "1 Mb/s", "8.4 Mb/s", "99.9 Mb/s", "123 Mb/s"],
  );
});

test("every language is called by its own name", () => {
  assert.deepEqual(Object.keys(OWN_NAMES).sort(), ["en", ...Object.keys(PANEL_LANGUAGES)].sort());
});

test("the last two minutes of speed are kept, and no more", () => {
  const history = new SpeedHistory();
  for (let at = 0; at <= 300_000; at += 1000) history.add({ at, down: at, up: 0 });
  assert.equal(history.samples.length, SPAN_MS / 1000 + 1);
  history.add({ at: 300_100, down: 0, up: 0 });
  assert.equal(history.samples.at(-1)?.at, 300_000);
});

test("the scale of the graph goes up in few steps and holds everything", () => {
  const scales = [0, 50_000, 150_000, 450_000, 900_000, 3_000_000, 1e9].map((down) => top([{ at: 0, down, up: 0 }]));
  assert.deepEqual(scales, [100_000, 100_000, 200_000, 500_000, 1_000_000, 5_000_000, 1e9]);
  assert.ok(Number.isFinite(top([{ at: 0, down: Infinity, up: 0 }])));
});

test("the graph has a gap where nothing is known", () => {
  const frame = { width: 120, height: 10, now: 120_000, top: 10 };
  const samples: Sample[] = [0, 1, 2, 60, 61, 120].map((second) => ({ at: second * 1000, down: second === 2 ? 99 : 5, up: 0 }));
  assert.equal(trace(samples, ({ down }) => down, frame, false), "M0 5L1 5L2 0M60 5L61 5M120 5");
  assert.equal(trace(samples.slice(0, 2), ({ down }) => down, frame, true), "M0 10L0 5L1 5L1 10Z");
  assert.equal(trace([], ({ down }) => down, frame, true), "");
});

test("bridges and lanes stand where they can be told apart", () => {
  const bridges: Bridge[] = Array.from({ length: 9 }, (_, index) => ({
    number: index + 1,
    lanes: Array.from({ length: 40 }, () => ({ ...LANE, down_bps: index * 1e6 })),
  }));
  const made = layout(bridges);
  assert.equal(made.bridges.length, 6);
  assert.ok(made.bridges.every(({ lanes }) => lanes.length === 16));
  const [first, , last] = [made.bridges[0], 0, made.bridges.at(-1)];
  assert.ok(first && last && first.y > 0 && last.y < made.height);
  const gaps = made.bridges.slice(1).map(({ y }, index) => y - (made.bridges[index]?.y ?? 0));
  assert.ok(gaps.every((gap) => gap === gaps[0] && gap > 44));
  // No two lanes of a bridge lie on each other.
  assert.equal(new Set(first.lanes.map(({ path }) => path)).size, 16);
});

test("a lane moves while data flows, towards whom it flows, and a silent one is shown as such", () => {
  const lanes = [LANE, { ...LANE, down_bps: 90_000 }, { ...LANE, up_bps: 90_000_000 }, { ...LANE, down_bps: 5e6, is_silent: true }];
  const [bridge] = layout([{ number: 1, lanes }]).bridges;
  assert.deepEqual(bridge?.lanes.map(({ flow }) => flow), ["none", "in", "out", "silent"]);
  assert.ok((bridge?.lanes[1]?.seconds ?? 0) > (bridge?.lanes[2]?.seconds ?? 9));
  assert.equal(bridge?.onward.flow, "out");
  assert.deepEqual(layout([]).bridges, []);
});

test("the panel and the admin page have the switch's own colours", () => {
  for (const [file, from] of [["face/style", "../look/colors"], ["look/page", "colors"], ["panel/panel", "../look/page"], ["admin/admin", "../look/page"]]) {
    const css = readFileSync(`src/${file}.css`, "utf8");
    assert.ok(css.includes(`@import "${from}.css";`), file);
    assert.doesNotMatch(css, /--uw-\w+:/, file);
  }
});

test("the panel writes no markup and makes no code from text", () => {
  const names = ["panel", "view", "parts", "status", "bridges", "speed", "rules", "invites", "programs", "help", "picture", "link"];
  for (const name of names) {
    const source = readFileSync(`src/panel/${name}.ts`, "utf8");
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|new Function|eval\(|setTimeout\("/, name);
  }
});
