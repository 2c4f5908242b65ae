import assert from "node:assert/strict";
import { test } from "node:test";
import { Keeping, type Choices, type TextStore } from "../src/helping/keeping.js";
import { NO_LIMITS } from "../src/helping/snapshot.js";
import { emptyTally, nothingNew, ofToday, readTally, together, told } from "../src/helping/tally.js";
import { Turn, type Locks } from "../src/helping/turn.js";

const NOON = new Date("2026-11-24T12:00:00");
const TOMORROW = new Date("2026-11-25T00:00:00");
const SALT = "s".repeat(22);
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Store implements TextStore {
  readonly texts = new Map<string, string>();
  refusing = false;

  getItem(name: string): string | null {
    this.#check();
    return this.texts.get(name) ?? null;
  }

  setItem(name: string, text: string): void {
    this.#check();
    this.texts.set(name, text);
  }

  removeItem(name: string): void {
    this.#check();
    this.texts.delete(name);
  }

  #check(): void {
    if (this.refusing) throw new Error("QuotaExceededError");
  }
}

const NONE: Choices = { wishes: NO_LIMITS, keepHelping: false, keepNumbers: false, warned: false, swarm: null };

test("choices come back, and nothing is kept for somebody who chose nothing", () => {
  const store = new Store();
  const keeping = new Keeping(store, () => SALT);
  assert.deepEqual(keeping.readChoices(), NONE);
  const chosen: Choices = { ...NONE, wishes: { ...NO_LIMITS, speed: 200_000, hours: { from: 60, to: 30 } }, keepHelping: true };
  keeping.writeChoices(chosen);
  assert.deepEqual(keeping.readChoices(), chosen);
  keeping.writeChoices(NONE);
  assert.equal(store.texts.size, 0);
  keeping.writeChoices({ ...NONE, warned: true });
  assert.equal(store.texts.size, 0);
});

test("damaged and refused storage is as good as none", () => {
  const store = new Store();
  const keeping = new Keeping(store, () => SALT);
  for (const text of ["", "{", "null", "[]", "7", '{"v":2,"help":true}', '{"v":1,"help":"yes","wishes":[]}']) {
    store.texts.set("unwalled-bridge", text);
    assert.deepEqual(keeping.readChoices(), NONE, text);
    store.texts.set("unwalled-bridge-numbers", text);
    assert.deepEqual(keeping.readTally(NOON), emptyTally(NOON, SALT), text);
  }
  const sound = { day: "2026-11-24", salt: SALT, names: ["a"], nameless: 1, countries: ["IR"], past: 2, bytes: 3, seconds: 4 };
  const damages = [{ salt: "short" }, { names: [1] }, { names: Array(3_000).fill("a") }, { nameless: -1 }, { past: null }, { bytes: "3" }, { seconds: 1e300 }, { day: 5 }, { countries: ["IRN"] }, { countries: [7] }, { countries: "IR" }, { countries: Array(61).fill("IR") }];
  for (const damage of damages) {
    store.texts.set("unwalled-bridge-numbers", JSON.stringify({ ...sound, ...damage }));
    assert.deepEqual(keeping.readTally(NOON), emptyTally(NOON, SALT), JSON.stringify(damage));
  }
  store.texts.set("unwalled-bridge-numbers", JSON.stringify(sound));
  assert.deepEqual(keeping.readTally(NOON), sound);
  store.refusing = true;
  keeping.writeChoices({ ...NONE, keepHelping: true });
  keeping.forgetTally();
  assert.deepEqual(keeping.readChoices(), NONE);
  assert.deepEqual(told(keeping.addToTally(emptyTally(NOON, SALT), { ...nothingNew(), names: ["person"], bytes: 5 }, NOON)), { today: 1, ever: 1, countries: [], bytes: 5, seconds: 0 });
  const nothing = new Keeping(undefined, () => SALT);
  assert.deepEqual([nothing.possible, nothing.readChoices(), nothing.readTally(NOON)], [false, NONE, emptyTally(NOON, SALT)]);
});

test("that the visitor was asked is remembered only along with the wish to go on", () => {
  const [store, session] = [new Store(), new Store()];
  const keeping = new Keeping(store, () => SALT, session);
  keeping.rememberAsked();
  assert.deepEqual([keeping.asked, session.texts.size], [false, 0]);
  keeping.writeChoices({ ...NONE, keepHelping: true });
  keeping.rememberAsked();
  assert.equal(keeping.asked, true);
  session.refusing = true;
  keeping.rememberAsked();
  assert.equal(keeping.asked, false);
});

test("a person counts once a day however often they come, and names go at the day's end", () => {
  const first = together(emptyTally(NOON, SALT), { ...nothingNew(), names: ["person-one", "person-two"], nameless: 0, bytes: 10, seconds: 1.6 });
  const again = together(first, { ...nothingNew(), names: ["person-one"], nameless: 1, bytes: 5, seconds: 1.6 });
  // These differ only behind the characters that are kept: so few are kept that nobody can be named by them.
  assert.deepEqual(again.names, ["person"]);
  const people = together(emptyTally(NOON, SALT), { ...nothingNew(), names: ["aaaaaa1", "bbbbbb1", "aaaaaa1"], nameless: 1, bytes: 15, seconds: 3.2 });
  assert.deepEqual(told(people), { today: 3, ever: 3, countries: [], bytes: 15, seconds: 3 });
  const next = ofToday(people, TOMORROW, () => "n".repeat(22));
  assert.deepEqual([next.names, next.salt, told(next)], [[], "n".repeat(22), { today: 0, ever: 3, countries: [], bytes: 15, seconds: 3 }]);
  assert.deepEqual(told(together(next, { ...nothingNew(), names: ["aaaaaa1"] })), { today: 1, ever: 4, countries: [], bytes: 15, seconds: 3 });
  assert.equal(ofToday(people, NOON, () => "never"), people);
});

test("more people than can be told apart are still counted", () => {
  const names = Array.from({ length: 5_000 }, (_, index) => String(index).padStart(6, "0"));
  const many = together(emptyTally(NOON, SALT), { ...nothingNew(), names });
  assert.equal(told(many).today, 5_000);
  assert.ok(many.names.length <= 2_000);
});

test("two tabs add to one tally", () => {
  const store = new Store();
  const [one, other] = [new Keeping(store, () => SALT), new Keeping(store, () => "o".repeat(22))];
  const kept = one.readTally(NOON);
  one.addToTally(kept, { ...nothingNew(), names: ["aaaaaa"], nameless: 0, bytes: 1, seconds: 1 }, NOON);
  const sum = other.addToTally(other.readTally(NOON), { ...nothingNew(), names: ["aaaaaa", "bbbbbb"], nameless: 0, bytes: 2, seconds: 2 }, NOON);
  assert.deepEqual(told(sum), { today: 2, ever: 2, countries: [], bytes: 3, seconds: 3 });
  one.forgetTally();
  assert.equal(store.texts.size, 0);
});

/** As browsers have them: one holder, the others in a queue. */
class FakeLocks implements Locks {
  readonly #queue: (() => void)[] = [];
  #held = false;
  refusing = false;

  async request(_: string, { ifAvailable, signal }: LockOptions, callback: (lock: Lock | null) => Promise<void> | void): Promise<unknown> {
    if (this.refusing) throw new Error("SecurityError");
    if (this.#held) {
      if (ifAvailable) return await callback(null);
      await new Promise<void>((resolve, reject) => {
        this.#queue.push(resolve);
        signal?.addEventListener("abort", () => reject(new Error("AbortError")));
      });
      if (signal?.aborted) return;
    }
    this.#held = true;
    await callback({} as Lock);
    this.#held = false;
    this.#queue.shift()?.();
    return undefined;
  }
}

test("one tab has its turn, the next one when it leaves", async () => {
  const locks = new FakeLocks();
  const changes: string[] = [];
  const [one, other] = ["one", "other"].map((name) => new Turn(locks, () => changes.push(name)));
  assert.ok(one && other);
  one.take();
  await soon();
  other.take();
  other.take();
  await soon();
  assert.deepEqual([one.isMine, other.isMine, other.isAnothers], [true, false, true]);
  one.leave();
  await soon();
  assert.deepEqual([one.isMine, other.isMine, other.isAnothers], [false, true, false]);
  one.take();
  await soon();
  one.leave();
  other.leave();
  await soon();
  assert.deepEqual([one.isMine, one.isAnothers, other.isMine], [false, false, false]);
  one.take();
  await soon();
  assert.equal(one.isMine, true);
});

test("without locks, or where they are refused, every tab helps for itself", async () => {
  const free = new Turn(undefined, () => undefined);
  free.take();
  assert.equal(free.isMine, true);
  const locks = new FakeLocks();
  locks.refusing = true;
  const refused = new Turn(locks, () => undefined);
  refused.take();
  await soon();
  assert.equal(refused.isMine, true);
});

test("countries of the day are kept as a set that tells neither who nor when, and go at the day's end", () => {
  const kept = together(emptyTally(NOON, SALT), { ...nothingNew(), names: ["aaaaaa", "bbbbbb"], countries: ["MM", "CN", "MM"] });
  const more = together(kept, { ...nothingNew(), names: ["cccccc"], countries: ["IR", "CN"] });
  assert.deepEqual(told(more).countries, ["CN", "IR", "MM"]);
  const tomorrow = ofToday(more, new Date("2026-11-25T00:00:01"), () => "n".repeat(22));
  assert.deepEqual([told(tomorrow).countries, told(tomorrow).ever], [[], 3]);
  // However many a broker might tell.
  const codes = Array.from({ length: 26 * 26 }, (_, at) => String.fromCharCode(65 + Math.floor(at / 26), 65 + (at % 26)));
  assert.equal(told(together(kept, { ...nothingNew(), countries: codes })).countries.length, 60);
  // What an earlier version has kept goes on without.
  const { countries: _, ...before } = kept;
  assert.deepEqual(readTally(JSON.stringify(before))?.countries, []);
});
