import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test, type TestContext } from "node:test";
import type { Around, Host } from "../src/helping/host.js";
import { Keeping, type TextStore } from "../src/helping/keeping.js";
import { MemoryVault } from "../src/helping/purse.js";
import { Shift } from "../src/helping/shift.js";
import { NO_LIMITS, type Wishes } from "../src/helping/snapshot.js";
import type { Borrowed, HeardMessage, Loan } from "../src/helping/window.js";
import { FakeSocket, FakeTransports, OFFER } from "./fakes.js";

const CONFIG = { v: 1, bridge_socket: "wss://x/v1/bridge", gateways: ["wss://x/v1/lane"], stun: [], allow_private: false };
const LOAN: Borrowed = { wishes: NO_LIMITS, bytes: null, isForeign: false, tellLeft: () => undefined };
const NIGHT = { from: 22 * 60, to: 6 * 60 };
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Until it is so, whatever has to be hashed before. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !isSo(); turn += 1) await settle();
  assert.ok(isSo());
}

interface Swarm {
  readonly secret: string;
  readonly tag: string;
  readonly given: string;
  readonly text: string;
}

const [SWARM] = (JSON.parse(readFileSync("../tests/vectors/invites.json", "utf8")) as { swarms: [Swarm] }).swarms;
const VECTOR: Swarm = { ...SWARM, secret: Buffer.from(SWARM.secret, "hex").toString("base64url") };

class FakeAround implements Around {
  hidden = false;
  away = false;
  charging: boolean | undefined = undefined;
  costly: boolean | undefined = undefined;
  watched = false;
  ended = false;
  onChange = (): void => undefined;

  watchPower(): void {
    this.watched = true;
  }

  end(): void {
    this.ended = true;
  }

  set(change: Partial<Pick<FakeAround, "hidden" | "away" | "charging" | "costly">>): void {
    Object.assign(this, change);
    this.onChange();
  }
}

class FakeWindow {
  closed = false;
  readonly heard: unknown[] = [];

  postMessage(message: unknown, origin: string): void {
    assert.equal(origin, "https://x");
    this.heard.push(message);
  }

  close(): void {
    this.closed = true;
  }
}

/** A browser, an operator and a clock. */
class World {
  readonly transports = new FakeTransports();
  readonly sockets: FakeSocket[] = [];
  readonly around = new FakeAround();
  readonly vault = new MemoryVault();
  readonly texts = new Map<string, string>();
  readonly window = new FakeWindow();
  readonly alarms = new Set<{ at: number; ring: () => void }>();
  hear: (message: HeardMessage) => void = () => undefined;
  network: (online: boolean) => void = () => undefined;
  asking: (() => void) | undefined;
  off = false;
  config: object;
  now = new Date("2026-11-24T12:00:00").getTime();
  readonly shift: Shift;

  constructor(wishes: Partial<Wishes> = {}, more: { keepNumbers?: boolean; loan?: Borrowed; texts?: Map<string, string>; swarm?: string; config?: object } = {}) {
    this.texts = more.texts ?? this.texts;
    this.config = more.config ?? CONFIG;
    const store: TextStore = {
      getItem: (name) => this.texts.get(name) ?? null,
      setItem: (name, text) => void this.texts.set(name, text),
      removeItem: (name) => void this.texts.delete(name),
    };
    this.shift = new Shift({
      operator: "https://x",
      maxReaders: 8,
      pauseHidden: false,
      wishes: { ...NO_LIMITS, ...wishes },
      keeping: new Keeping(store, () => "s".repeat(22)),
      keepNumbers: more.keepNumbers ?? false,
      swarm: more.swarm ?? null,
      loan: more.loan,
      host: this.host,
      onOff: () => (this.off = true),
      onChange: () => undefined,
    });
  }

  get host(): Host {
    return {
      net: {
        fetch: () => Promise.resolve(new Response(JSON.stringify(this.config))),
        socket: (url) => {
          const socket = new FakeSocket(url);
          this.sockets.push(socket);
          return socket as unknown as WebSocket;
        },
        online: () => true,
        random: () => 1,
        now: () => this.now,
      },
      transports: this.transports,
      clock: {
        now: () => this.now,
        later: (delayMs, ring) => {
          const alarm = { at: this.now + delayMs, ring };
          this.alarms.add(alarm);
          return () => this.alarms.delete(alarm);
        },
      },
      now: () => this.now,
      around: (onChange) => {
        this.around.onChange = onChange;
        return this.around;
      },
      vault: () => this.vault,
      locks: undefined,
      windows: {
        open: () => this.window,
        onMessage: (heard) => {
          this.hear = heard;
          return () => (this.hear = () => undefined);
        },
      },
      onNetwork: (changed) => {
        this.network = changed;
        return () => undefined;
      },
      askBeforeClosing: (onAsked) => {
        this.asking = onAsked;
        return () => (this.asking = undefined);
      },
    };
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    assert.ok(socket);
    return socket;
  }

  get state(): string {
    const { state, reason } = this.shift.shown;
    return reason === "" ? state : `${state} ${reason}`;
  }

  /** The broker answers. */
  async ready(): Promise<void> {
    await settle();
    await settle();
    this.socket.open();
    this.socket.receive('{"type":"ready","bridge":"B"}');
  }

  /** A reader comes with one lane, which opens. */
  async reader(match: string, reader = match, country = ""): Promise<{ socket: FakeSocket; pass: (bytes: number) => void }> {
    const index = this.transports.sockets.length;
    const offers = [{ offer: 0, description: OFFER }];
    this.socket.receive(JSON.stringify({ type: "match", match, gateway: `wss://x/v1/lane/${match}`, offers, reader, country }));
    await settle();
    const { socket, channel } = this.transports.openLane(index);
    return { socket, pass: (bytes) => channel.onmessage?.({ data: new ArrayBuffer(bytes) }) };
  }

  /** Time goes on, and alarms ring. */
  wait(ms: number): void {
    this.now += ms;
    for (const alarm of [...this.alarms]) {
      if (alarm.at > this.now || !this.alarms.delete(alarm)) continue;
      alarm.ring();
    }
  }

  says(unwalled: string, more: object = {}): void {
    this.hear({ data: { unwalled, ...more }, origin: "https://x", source: this.window });
  }
}

function begin(t: TestContext, ...options: ConstructorParameters<typeof World>): World {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  return new World(...options);
}

test("what changes around the page pauses and goes on, and drops whoever is here at once", async (t) => {
  const world = begin(t, { charging: true });
  assert.deepEqual([world.state, world.around.watched], ["paused charging", true]);
  world.around.set({ charging: true });
  await world.ready();
  assert.equal(world.state, "waiting");
  const { socket } = await world.reader("M1");
  assert.equal(world.state, "helping");
  world.around.set({ costly: true });
  assert.deepEqual([world.state, socket.readyState, world.socket.readyState], ["paused metered", 3, 3]);
  world.shift.wishes = { ...NO_LIMITS, metered: true };
  await world.ready();
  assert.equal(world.state, "waiting");
  world.around.set({ away: true });
  assert.equal(world.state, "paused hidden");
  world.shift.end(false);
  assert.deepEqual([world.alarms.size, world.around.ended], [0, true]);
});

test("hours end on the minute, even when no timer comes", async (t) => {
  const world = begin(t, { hours: NIGHT });
  assert.deepEqual([world.state, world.shift.until], ["paused hours", new Date("2026-11-24T22:00:00").getTime()]);
  world.wait(10 * 3_600_000);
  await world.ready();
  const { pass } = await world.reader("M1");
  pass(100);
  // A page out of sight whose timers are late: what arrives too late is not passed on.
  world.now += 8 * 3_600_000;
  pass(100);
  await settle();
  assert.deepEqual([world.state, world.shift.counts.bytesUp], ["paused hours", 100]);
  world.shift.end(false);
});

test("the month's data stops at its limit, and begins anew with the month", async (t) => {
  const world = begin(t, { monthly: 1_000_000 });
  await world.ready();
  const { pass } = await world.reader("M1");
  for (let count = 0; count < 40; count += 1) {
    pass(50_000);
    await settle();
  }
  assert.equal(world.state, "paused spent");
  assert.ok(world.shift.counts.bytesUp <= 1_000_000 && world.shift.counts.bytesUp > 800_000);
  world.wait(new Date("2026-12-01T00:00:00").getTime() - world.now);
  await world.ready();
  assert.deepEqual([world.state, world.shift.left], ["waiting", 1_000_000]);
  world.shift.end(false);
});

test("people, data and time are counted: each person once, time only while somebody is here", async (t) => {
  const world = begin(t, {}, { keepNumbers: true });
  await world.ready();
  assert.deepEqual(world.socket.said[0], { type: "hello", v: 1, client: "page", nat: "unknown", capacity: 64, readers: 8, salt: "s".repeat(22) });
  world.now += 60_000;
  const first = await world.reader("M1", "aaaaaa-1");
  // Where somebody is may become known later than that they are here.
  await world.reader("M2", "aaaaaa-1", "IR");
  await world.reader("M3", "bbbbbb-2");
  first.pass(700);
  world.now += 5_000;
  assert.deepEqual(world.shift.tally, { today: 2, ever: 2, countries: ["IR"], bytes: 700, seconds: 5 });
  world.socket.onclose?.();
  t.mock.timers.tick(1_000);
  await world.ready();
  await world.reader("M4", "aaaaaa-1");
  world.shift.end(false);
  const { names, countries, bytes } = JSON.parse(world.texts.get("unwalled-bridge-numbers") ?? "") as { names: string[]; countries: string[]; bytes: number };
  assert.deepEqual([names, countries, bytes], [["aaaaaa", "bbbbbb"], ["IR"], 700]);
  const next = new World({}, { keepNumbers: true, texts: world.texts });
  assert.deepEqual(next.shift.tally, { today: 2, ever: 2, countries: ["IR"], bytes: 700, seconds: 5 });
  next.shift.keepNumbers = false;
  assert.deepEqual([world.texts.size, next.shift.tally.ever], [0, 0]);
  next.shift.end(false);
});

test("numbers that are kept only from now on take along what this page has counted", async (t) => {
  const world = begin(t);
  await world.ready();
  (await world.reader("M1", "aaaaaa-1")).pass(10);
  assert.equal(world.texts.size, 0);
  t.mock.timers.tick(20_000);
  world.shift.keepNumbers = true;
  await world.reader("M2", "bbbbbb-1");
  assert.deepEqual([world.shift.tally.today, world.shift.tally.bytes], [2, 10]);
  world.shift.end(false);
  assert.equal(world.texts.size, 1);
});

test("before the page is closed on somebody it asks, once", async (t) => {
  const world = begin(t);
  await world.ready();
  assert.equal(world.asking, undefined);
  const { socket } = await world.reader("M1");
  assert.ok(world.asking);
  socket.onclose?.();
  assert.equal(world.asking, undefined);
  await world.reader("M2");
  (world.asking as (() => void) | undefined)?.();
  world.wait(0);
  assert.equal(world.asking, undefined);
  await world.reader("M3");
  assert.equal(world.asking, undefined);
  world.shift.end(false);
});

test("the small window is lent the limits, takes over while nobody is dropped, and gives back", async (t) => {
  const world = begin(t, { monthly: 5_000_000, speed: 400_000, maxReaders: 3 });
  await world.ready();
  const { socket, pass } = await world.reader("M1");
  world.wait(100);
  pass(1_000);
  await settle();
  world.shift.openWindow();
  // Somebody else may say what they like.
  world.hear({ data: { unwalled: "helping" }, origin: "https://evil.test", source: world.window });
  world.hear({ data: { unwalled: "here" }, origin: "https://x", source: {} });
  await settle();
  assert.deepEqual([world.window.heard, world.shift.inWindow], [[], false]);
  world.says("here");
  await settle();
  const [help] = world.window.heard as { unwalled: string; loan: Loan }[];
  assert.equal(help?.unwalled, "help");
  assert.deepEqual(help?.loan.wishes, { ...NO_LIMITS, maxReaders: 3, speed: 300_000 });
  const lent = help?.loan.bytes ?? 0;
  assert.ok(lent > 4_000_000 && lent <= 5_000_000 - 1_000, String(lent));
  world.says("helping");
  assert.deepEqual([world.state, world.shift.inWindow, world.socket.readyState], ["paused elsewhere", true, 3]);
  assert.notEqual(socket.readyState, 3);
  pass(1_000);
  world.wait(1_000);
  assert.equal(world.shift.counts.bytesUp, 2_000);
  socket.onclose?.();
  assert.deepEqual(world.window.heard.at(-1), { unwalled: "wishes", wishes: { ...NO_LIMITS, maxReaders: 3, speed: 400_000 } });
  world.window.closed = true;
  world.hear({ data: { unwalled: "gone", bytes: lent - 500_000 }, origin: "https://x", source: null });
  await settle();
  await world.ready();
  assert.deepEqual([world.state, world.shift.inWindow, world.shift.left], ["waiting", false, 5_000_000 - 502_000]);
  world.shift.end(true);
  assert.equal(world.window.closed, true);
});

test("a window that is closed or falls silent gives the help back, and those who are still here stay", async (t) => {
  const world = begin(t);
  await world.ready();
  const { socket } = await world.reader("M1");
  world.shift.openWindow();
  world.says("here");
  await settle();
  world.says("helping");
  world.window.closed = true;
  t.mock.timers.tick(2_000);
  await world.ready();
  assert.deepEqual([world.state, world.shift.inWindow], ["helping", false]);
  assert.notEqual(socket.readyState, 3);
  world.window.closed = false;
  world.shift.openWindow();
  world.says("helping");
  assert.equal(world.shift.inWindow, true);
  world.hear({ data: { unwalled: "gone", bytes: 1e9 }, origin: "https://x", source: null });
  assert.equal(world.shift.inWindow, true, "it is not closed, so that this comes from somebody else");
  world.now += 200_000;
  t.mock.timers.tick(2_000);
  assert.equal(world.shift.inWindow, false);
  world.shift.end(false);
});

test("off is off, also in the window", async (t) => {
  const world = begin(t, { monthly: 5_000_000 });
  await world.ready();
  world.shift.openWindow();
  world.says("here");
  await settle();
  world.says("helping");
  world.says("off", { bytes: 4_000_000 });
  await settle();
  assert.deepEqual([world.off, world.shift.inWindow, world.shift.left], [true, false, 4_000_000]);
  world.shift.end(true);
});

test("a window cannot give back more than it was lent", async (t) => {
  const world = begin(t, { monthly: 5_000_000 });
  await world.ready();
  const { pass } = await world.reader("M1");
  for (let count = 0; count < 20; count += 1) {
    pass(50_000);
    await settle();
  }
  world.shift.openWindow();
  world.says("here");
  await settle();
  world.says("helping");
  world.says("gone", { bytes: 5_000_000 });
  world.says("gone", { bytes: 5_000_000 });
  await settle();
  assert.equal(world.shift.left, 5_000_000 - world.shift.counts.bytesUp);
  world.shift.end(false);
});

test("a window that closes without a word brings back what it has told", async (t) => {
  const world = begin(t, { monthly: 50_000_000 });
  await world.ready();
  world.shift.openWindow();
  world.says("here");
  await settle();
  world.says("helping");
  world.says("left", { bytes: 30_000_000 });
  world.window.closed = true;
  t.mock.timers.tick(2_000);
  await world.ready();
  assert.deepEqual([world.shift.inWindow, world.shift.left], [false, 30_000_000]);
  world.shift.end(false);
});

test("a loan is kept, and nothing of it is asked of this browser's own month", async (t) => {
  const world = begin(t, { monthly: 9_000_000 }, { loan: { ...LOAN, bytes: 200_000 } });
  await world.ready();
  const { pass } = await world.reader("M1");
  for (let count = 0; count < 5; count += 1) pass(60_000);
  await settle();
  assert.deepEqual([world.state, world.shift.counts.bytesUp], ["paused spent", 180_000]);
  world.shift.end(false);
});

test("what another site lends cannot loosen what the visitor has set here", async (t) => {
  const own = { maxReaders: 2, speed: 500_000, monthly: 1_000_000 };
  const lent = { ...NO_LIMITS, maxReaders: 8, speed: 9_000_000, metered: true };
  const world = begin(t, own, { loan: { ...LOAN, wishes: lent, bytes: 50_000_000, isForeign: true } });
  await world.ready();
  assert.deepEqual(world.shift.wishes, { ...NO_LIMITS, ...own });
  assert.equal((world.socket.said[0] as { readers: number }).readers, 2);
  world.around.set({ costly: true });
  assert.equal(world.state, "paused metered");
  world.around.set({ costly: false });
  await world.ready();
  const { pass } = await world.reader("M1");
  for (let count = 0; count < 30; count += 1) {
    pass(60_000);
    await settle();
    world.wait(200);
  }
  await settle();
  // The month of this site is used up, though the loan is not; of both the same is gone.
  assert.equal(world.state, "paused spent");
  assert.ok(world.shift.counts.bytesUp <= 1_000_000, String(world.shift.counts.bytesUp));
  assert.equal(world.shift.lent, 50_000_000 - world.shift.counts.bytesUp);
  world.shift.lentWishes = { ...lent, speed: 200_000 };
  assert.equal(world.shift.wishes.speed, 200_000);
  world.shift.end(false);
});

test("hours here and hours of the page that lends hold both, and the pause ends when the last of them lets it", (t) => {
  const lent = { ...NO_LIMITS, hours: { from: 11 * 60, to: 23 * 60 } };
  const world = begin(t, { hours: NIGHT }, { loan: { ...LOAN, wishes: lent, isForeign: true } });
  assert.deepEqual([world.state, world.shift.until], ["paused hours", new Date("2026-11-24T22:00:00").getTime()]);
  world.wait(10 * 3_600_000);
  assert.notEqual(world.state, "paused hours");
  world.wait(3_600_000);
  // At 23 the other one's are over.
  assert.deepEqual([world.state, world.shift.until], ["paused hours", new Date("2026-11-25T11:00:00").getTime()]);
  world.shift.end(false);
});

test("a page of this site lends what was set aside of the same month, which is not counted twice", async (t) => {
  const world = begin(t, { monthly: 1_000_000 }, { loan: { ...LOAN, bytes: 1_000_000 } });
  await world.vault.reserve("2026-11", 1_000_000, 1_000_000);
  await world.ready();
  const { pass } = await world.reader("M1");
  pass(60_000);
  await settle();
  assert.deepEqual([world.state, world.shift.left], ["helping", 940_000]);
  world.shift.openWindow();
  world.says("here");
  await settle();
  assert.deepEqual(world.window.heard, [], "what is lent is not lent on");
  world.shift.end(false);
});

test("what a test of the network found is told to the broker, and to the visitor", async (t) => {
  const world = begin(t);
  await world.ready();
  world.shift.found({ shutIn: false, restricted: true });
  await world.ready();
  assert.equal((world.socket.said[0] as { nat: string }).nat, "restricted");
  world.shift.found({ shutIn: true, restricted: true });
  assert.equal(world.state, "error network");
  await world.reader("M1");
  assert.equal(world.state, "helping");
  world.shift.end(false);
});

const SWARMS = { ...CONFIG, swarms: true };

test("who helps only people whom they know tells the broker a tag, and gets a link", async (t) => {
  const { text, given, tag, secret } = VECTOR;
  const world = begin(t, {}, { swarm: secret, config: SWARMS });
  await until(() => world.sockets.length > 0);
  world.socket.open();
  assert.equal((world.socket.said[0] as { swarm?: string; config?: object }).swarm, tag);
  assert.equal(world.shift.link, "");
  world.socket.receive(JSON.stringify({ type: "ready", bridge: "B", invite: given }));
  await until(() => world.shift.link !== "");
  assert.equal(world.shift.link, `https://x/read#${text}`);
  assert.equal(world.state, "waiting");

  // For everybody from now on: nobody of before stays, and the broker hears no tag.
  await world.reader("m1");
  assert.equal(world.shift.counts.lanes, 1);
  world.shift.swarm = null;
  assert.deepEqual([world.shift.counts.lanes, world.shift.link], [0, ""]);
  await until(() => world.sockets.length > 1);
  world.socket.open();
  assert.equal("swarm" in (world.socket.said[0] as object), false);
  world.shift.end(true);
});

test("a private bridge joins no operator that would give it to everybody", async (t) => {
  const world = begin(t, {}, { swarm: VECTOR.secret });
  await until(() => world.state === "error private");
  assert.equal(world.sockets.length, 0);
  world.shift.end(true);
});

test("a private bridge leaves a broker that gives it no invite, and opens no window", async (t) => {
  const world = begin(t, {}, { swarm: VECTOR.secret, config: SWARMS });
  await until(() => world.sockets.length > 0);
  world.shift.openWindow();
  assert.deepEqual(world.window.heard, []);
  world.socket.open();
  world.socket.receive('{"type":"ready","bridge":"B"}');
  assert.equal(world.state, "error private");
  world.shift.end(true);
});
