import assert from "node:assert/strict";
import { test } from "node:test";
import { cautionFor } from "../src/helping/caution.js";
import { judge } from "../src/helping/check.js";
import { pauseOf, together, type World } from "../src/helping/conditions.js";
import { LoanPurse, MemoryVault, MonthlyPurse, type Vault } from "../src/helping/purse.js";
import { NO_LIMITS } from "../src/helping/snapshot.js";
import { checkedWishes, isWithin, nextTurn, strictest } from "../src/helping/wishes.js";

const at = (text: string): Date => new Date(text);
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const MB = 1_000_000;

test("a wish that makes no sense is no limit of its own, and the others hold", () => {
  assert.deepEqual(checkedWishes(undefined), NO_LIMITS);
  assert.deepEqual(checkedWishes("x"), NO_LIMITS);
  const damaged = { maxReaders: "3", speed: Number.NaN, monthly: {}, charging: 1, metered: "yes", hours: { from: 1, to: 1 } };
  assert.deepEqual(checkedWishes(damaged), NO_LIMITS);
  assert.deepEqual(checkedWishes({ maxReaders: 99, speed: 1, monthly: -5 }), { ...NO_LIMITS, maxReaders: 8, speed: 125_000, monthly: MB });
  assert.equal(checkedWishes({ maxReaders: 0.5 }).maxReaders, 1);
  assert.deepEqual(checkedWishes({ hours: { from: 0, to: 1439 } }).hours, { from: 0, to: 1439 });
  for (const hours of [{ from: -1, to: 5 }, { from: 0, to: 1440 }, { from: 1.5, to: 5 }, { from: 1 }, null, []]) {
    assert.equal(checkedWishes({ hours }).hours, null, JSON.stringify(hours));
  }
});

test("hours hold to the minute, over midnight too", () => {
  const day = { from: 9 * 60, to: 17 * 60 + 30 };
  assert.equal(isWithin(day, at("2026-11-24T08:59:59")), false);
  assert.equal(isWithin(day, at("2026-11-24T09:00:00")), true);
  assert.equal(isWithin(day, at("2026-11-24T17:29:59")), true);
  assert.equal(isWithin(day, at("2026-11-24T17:30:00")), false);
  const night = { from: 22 * 60, to: 7 * 60 };
  assert.equal(isWithin(night, at("2026-11-24T21:59:59")), false);
  assert.equal(isWithin(night, at("2026-11-24T22:00:00")), true);
  assert.equal(isWithin(night, at("2026-11-25T06:59:59")), true);
  assert.equal(isWithin(night, at("2026-11-25T07:00:00")), false);
  assert.equal(nextTurn(night, at("2026-11-24T23:00:00")), at("2026-11-25T07:00:00").getTime());
  assert.equal(nextTurn(night, at("2026-11-25T07:00:00")), at("2026-11-25T22:00:00").getTime());
  assert.equal(nextTurn(day, at("2026-12-31T18:00:00")), at("2027-01-01T09:00:00").getTime());
});

const WORLD: World = { hidden: false, away: false, charging: undefined, costly: undefined, spent: false };
const NOON = at("2026-11-24T12:00:00");

test("each wish pauses for its own reason, and what the browser does not tell is taken the careful way", () => {
  const reason = (wishes: object, world: Partial<World> = {}, pauseHidden = false): string =>
    pauseOf({ ...NO_LIMITS, ...wishes }, pauseHidden, { ...WORLD, ...world }, NOON).reason;
  assert.equal(reason({}), "");
  assert.equal(reason({}, { hidden: true }), "");
  assert.equal(reason({}, { hidden: true }, true), "hidden");
  assert.equal(reason({}, { away: true }), "hidden");
  assert.equal(reason({ charging: true }), "charging");
  assert.equal(reason({ charging: true }, { charging: false }), "charging");
  assert.equal(reason({ charging: true }, { charging: true }), "");
  assert.equal(reason({}, { costly: true }), "metered");
  assert.equal(reason({ metered: true }, { costly: true }), "");
  assert.equal(reason({}, { spent: true }), "spent");
  assert.equal(reason({ hours: { from: 13 * 60, to: 14 * 60 } }, { spent: true }), "hours");
});

test("a pause by the clock says when it ends, and when to look again", () => {
  const hours = { from: 13 * 60, to: 14 * 60 };
  assert.deepEqual(pauseOf({ ...NO_LIMITS, hours }, false, WORLD, NOON), {
    reason: "hours",
    until: at("2026-11-24T13:00:00").getTime(),
    lookAgainAt: at("2026-11-24T13:00:00").getTime(),
  });
  assert.equal(pauseOf({ ...NO_LIMITS, hours }, false, WORLD, at("2026-11-24T13:30:00")).lookAgainAt, at("2026-11-24T14:00:00").getTime());
  const spent = pauseOf({ ...NO_LIMITS, monthly: MB }, false, { ...WORLD, spent: true }, NOON);
  assert.deepEqual([spent.reason, spent.until], ["spent", at("2026-12-01T00:00:00").getTime()]);
  assert.deepEqual(pauseOf(NO_LIMITS, false, WORLD, NOON), { reason: "", until: null, lookAgainAt: null });
});

test("of two people's wishes the stricter holds", () => {
  const one = { maxReaders: 3, speed: null, monthly: 5 * MB, charging: true, metered: true, hours: null };
  const other = { maxReaders: 5, speed: 200_000, monthly: null, charging: false, metered: false, hours: { from: 60, to: 120 } };
  const both = { maxReaders: 3, speed: 200_000, monthly: 5 * MB, charging: true, metered: false, hours: { from: 60, to: 120 } };
  assert.deepEqual([strictest(one, other), strictest(other, one)], [both, both]);
  assert.equal(strictest({ ...one, speed: 100 }, { ...other, speed: 90 }).speed, 90);
});

test("two people's pauses end when the last one does, and nobody knows when if one of them does not", () => {
  const none = { reason: "", until: null, lookAgainAt: 30 } as const;
  const hours = { reason: "hours", until: 10, lookAgainAt: 10 } as const;
  const spent = { reason: "spent", until: 20, lookAgainAt: 20 } as const;
  const metered = { reason: "metered", until: null, lookAgainAt: null } as const;
  assert.deepEqual(together([none]), none);
  assert.deepEqual(together([none, hours]), { reason: "hours", until: 10, lookAgainAt: 10 });
  assert.deepEqual(together([spent, hours]), { reason: "spent", until: 20, lookAgainAt: 10 });
  assert.deepEqual(together([hours, metered]), { reason: "hours", until: null, lookAgainAt: 10 });
});

interface Page {
  readonly purse: MonthlyPurse;
  passed: number;
}

function open(vault: Vault, monthly: number, clock: { now: number }): Page {
  const purse = new MonthlyPurse({ monthly, vault, now: () => clock.now, onChange: () => undefined });
  return { purse, passed: 0 };
}

/** Passes on messages until nothing goes any more. */
async function passAll(page: Page, size: number): Promise<void> {
  for (let idle = 0; idle < 5; ) {
    if (page.purse.take(size)) {
      page.passed += size;
      idle = 0;
    } else {
      idle += 1;
      await soon();
    }
  }
}

test("a month's data is never passed, and used up but for less than a message", async () => {
  const clock = { now: NOON.getTime() };
  for (const size of [1_000, 16_384, 65_536]) {
    const page = open(new MemoryVault(), 20 * MB, clock);
    await passAll(page, size);
    assert.ok(page.passed <= 20 * MB && page.passed > 20 * MB - 2 * 65_536, `${size}: ${page.passed}`);
    assert.equal(page.purse.spent, true);
  }
});

test("it holds over reloads, crashes and tabs that help at the same moment", async () => {
  const clock = { now: NOON.getTime() };
  const vault = new MemoryVault();
  let passed = 0;
  for (let page = 0; page < 30; page += 1) {
    const [one, other] = [open(vault, 50 * MB, clock), open(vault, 50 * MB, clock)];
    await soon();
    for (let count = 0; count < 60; count += 1) {
      for (const tab of [one, other]) if (tab.purse.take(16_384)) tab.passed += 16_384;
      await soon();
    }
    passed += one.passed + other.passed;
    // One closes as it should, the other crashes with what it had set aside.
    one.purse.close();
    await soon();
  }
  assert.ok(passed <= 50 * MB, String(passed));
  assert.ok(passed > 40 * MB, String(passed));
  const last = open(vault, 50 * MB, clock);
  await passAll(last, 16_384);
  assert.ok(passed + last.passed <= 50 * MB);
  assert.equal(last.purse.spent, true);
  const after = open(vault, 50 * MB, clock);
  await soon();
  assert.deepEqual([after.purse.spent, after.purse.take(1_000)], [true, false]);
});

test("what was set aside and not passed on comes back", async () => {
  const clock = { now: NOON.getTime() };
  const vault = new MemoryVault();
  const page = open(vault, 10 * MB, clock);
  await soon();
  page.purse.take(1_000);
  await soon();
  assert.equal(page.purse.take(1_000), true);
  assert.equal(page.purse.left, 10 * MB - 1_000);
  page.purse.close();
  await soon();
  assert.equal(page.purse.take(1_000), false);
  const next = open(vault, 10 * MB, clock);
  await soon();
  assert.equal(next.purse.left, 10 * MB - 1_000);
});

test("a new month starts anew, and a clock that is set back finds its month spent", async () => {
  const clock = { now: at("2026-11-30T23:59:59").getTime() };
  const vault = new MemoryVault();
  const page = open(vault, MB, clock);
  await passAll(page, 50_000);
  assert.equal(page.purse.spent, true);
  clock.now += 1_000;
  assert.equal(page.purse.spent, false);
  await passAll(page, 50_000);
  assert.ok(page.passed > 1.7 * MB && page.passed <= 2 * MB, String(page.passed));
  clock.now -= 1_000;
  assert.equal(page.purse.take(65_536), false);
  await soon();
  assert.equal(page.purse.spent, true);
});

test("what cannot be written down is not passed on", async () => {
  const refusing: Vault = { reserve: () => Promise.reject(new Error("full")), giveBack: () => Promise.reject(new Error("full")) };
  const page = open(refusing, MB, { now: NOON.getTime() });
  await passAll(page, 1_000);
  assert.deepEqual([page.passed, page.purse.spent], [0, true]);
});

test("a loan takes the rest of the month along, and brings back what is left", async () => {
  const clock = { now: NOON.getTime() };
  const vault = new MemoryVault();
  const page = open(vault, 10 * MB, clock);
  await soon();
  const lent = await page.purse.takeAll();
  assert.equal(lent, 10 * MB);
  await passAll(page, 1_000);
  assert.deepEqual([page.passed, page.purse.spent], [0, true]);
  const loan = new LoanPurse(lent, () => undefined, () => undefined);
  assert.equal(loan.take(60_000), true);
  await page.purse.putBack(loan.left);
  await soon();
  assert.deepEqual([page.purse.spent, page.purse.left], [false, 10 * MB - 60_000]);
  const small = new LoanPurse(100_000, () => undefined, () => undefined);
  assert.deepEqual([small.take(100_001), small.take(60_000), small.spent], [false, true, true]);
});

test("who lends always knows of less than is left, even when the last word was lost", () => {
  const told: number[] = [];
  const loan = new LoanPurse(100 * MB, () => undefined, (bytes) => told.push(bytes));
  while (loan.take(60_000)) {
    const [last = 0, before = last] = told.slice(-2).reverse();
    // The very last word is told so long before the end that nothing can be lost between.
    assert.ok(last <= loan.left && (last === 0 || before <= loan.left), `${before} ${last} ${loan.left}`);
    assert.ok(loan.left - last <= 9 * MB);
  }
  assert.equal(told.at(-1), 0);
});

test("caution goes by the time zone, and by languages only where that is hidden", () => {
  assert.equal(cautionFor("Asia/Tehran", ["en-US"]), "IR");
  assert.equal(cautionFor("Asia/Saigon", []), "VN");
  assert.equal(cautionFor("Europe/Berlin", ["fa-IR", "de-DE"]), null);
  assert.equal(cautionFor("UTC", ["fa-IR", "en-US"]), "IR");
  assert.equal(cautionFor("UTC", ["zh-Hans-CN"]), "CN");
  assert.equal(cautionFor("UTC", ["en-US", "fa-IR"]), null);
  assert.equal(cautionFor("Etc/UTC", ["ru", "ru-BY"]), "BY");
  assert.equal(cautionFor("UTC", []), null);
});

test("a network is judged by what came back", () => {
  const one = { address: "192.0.2.1", port: 1000 };
  const other = { address: "192.0.2.1", port: 2000 };
  const six = { address: "2001:db8::1", port: 1000 };
  const verdict = (socket: boolean | null, stun: Parameters<typeof judge>[0]["stun"]): string => judge({ operator: true, socket, stun }).verdict;
  assert.equal(judge({ operator: false, socket: null, stun: null }).verdict, "none");
  assert.equal(verdict(false, { asked: 2, failed: 0, seen: [one] }), "none");
  assert.equal(verdict(true, null), "unknown");
  assert.equal(verdict(true, { asked: 1, failed: 1, seen: [] }), "none");
  assert.equal(verdict(true, { asked: 1, failed: 0, seen: [one] }), "some");
  assert.equal(verdict(true, { asked: 2, failed: 0, seen: [one] }), "good");
  assert.equal(verdict(true, { asked: 2, failed: 0, seen: [one, six] }), "good");
  assert.equal(verdict(true, { asked: 2, failed: 1, seen: [one] }), "some");
  assert.equal(verdict(true, { asked: 2, failed: 0, seen: [one, other] }), "some");
  assert.deepEqual(judge({ operator: true, socket: true, stun: { asked: 2, failed: 0, seen: [one, other] } }), {
    verdict: "some",
    operator: true,
    socket: true,
    udp: true,
    varying: true,
  });
});

test("a vault keeps the sum of the month that is on, whatever comes back late for an earlier one", async () => {
  const vault = new MemoryVault();
  vault.set("2026-11", 100);
  assert.deepEqual(await vault.reserve("2026-11", 50, 120), { granted: 20, spent: 120 });
  assert.deepEqual(await vault.reserve("2026-12", 50, 120), { granted: 50, spent: 50 });
  await vault.giveBack("2026-11", 20);
  assert.deepEqual(await vault.reserve("2026-12", 100, 120), { granted: 70, spent: 120 });
});
