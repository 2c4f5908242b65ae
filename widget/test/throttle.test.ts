import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../src/bridge/limits.js";
import { Relay, type Port } from "../src/bridge/relay.js";
import { Throttle, type Clock, type Waiting } from "../src/bridge/throttle.js";

class FakeClock implements Clock {
  time = 1_000_000;
  #alarms: { at: number; ring: () => void }[] = [];

  now(): number {
    return this.time;
  }

  later(delayMs: number, callback: () => void): () => void {
    const alarm = { at: this.time + delayMs, ring: callback };
    this.#alarms.push(alarm);
    return () => (this.#alarms = this.#alarms.filter((one) => one !== alarm));
  }

  get pending(): number {
    return this.#alarms.length;
  }

  /** Goes on; timers ring no finer than `everyMs`, as in a page out of sight. */
  run(forMs: number, everyMs = 1): void {
    const end = this.time + forMs;
    while (this.time < end) {
      this.time += everyMs;
      const due = this.#alarms.filter(({ at }) => at <= this.time);
      this.#alarms = this.#alarms.filter(({ at }) => at > this.time);
      for (const { ring } of due) ring();
    }
  }
}

/** Always has one more message. */
class Endless implements Waiting {
  readonly nextBytes: number;
  sent = 0;

  constructor(size: number) {
    this.nextBytes = size;
  }

  sendNext(): void {
    this.sent += this.nextBytes;
  }
}

test("the rate holds to the byte over time, whatever the size of messages, and however late the timers are", () => {
  for (const size of [100, 16_384, 65_536]) {
    for (const everyMs of [1, 100, 1_000]) {
      const clock = new FakeClock();
      const throttle = new Throttle(clock);
      throttle.speed = 200_000;
      const one = new Endless(size);
      throttle.wait(one);
      throttle.pump();
      clock.run(60_000, everyMs);
      const most = 60 * 200_000 + size;
      assert.ok(one.sent <= most, `${size} every ${everyMs}: ${one.sent}`);
      assert.ok(one.sent >= most - 2 * size - 200_000 * (everyMs / 1_000), `${size} every ${everyMs}: ${one.sent}`);
    }
  }
});

test("all who wait have the same share, message by message, and the short is not held up by the long", () => {
  const clock = new FakeClock();
  const throttle = new Throttle(clock);
  throttle.speed = 100_000;
  const many = [new Endless(1_000), new Endless(1_000), new Endless(1_000)];
  for (const one of many) throttle.wait(one);
  clock.run(30_000);
  const [first, second, third] = many.map(({ sent }) => sent);
  assert.ok(Math.abs((first ?? 0) - (second ?? 0)) <= 1_000 && Math.abs((first ?? 0) - (third ?? 0)) <= 1_000);
});

test("time in which nobody waits is not saved up", () => {
  const clock = new FakeClock();
  const throttle = new Throttle(clock);
  throttle.speed = 100_000;
  clock.run(60_000, 1_000);
  let sent = 0;
  while (throttle.take(1_000)) sent += 1_000;
  assert.equal(sent, 10_000);
});

test("a computer that slept does not make up for it", () => {
  const clock = new FakeClock();
  const throttle = new Throttle(clock);
  throttle.speed = 100_000;
  const one = new Endless(1_000);
  throttle.wait(one);
  throttle.pump();
  const before = one.sent;
  clock.run(3_600_000, 3_600_000);
  assert.ok(one.sent - before <= 201_000, String(one.sent - before));
});

test("without a limit nothing waits; a limit that is set or lifted meanwhile holds at once", () => {
  const clock = new FakeClock();
  const throttle = new Throttle(clock);
  for (let count = 0; count < 1_000; count += 1) assert.equal(throttle.take(65_536), true);
  throttle.speed = 1_000;
  assert.equal(throttle.take(1), false);
  clock.run(1_000);
  assert.equal(throttle.take(1), true);
  throttle.speed = null;
  assert.equal(throttle.take(1_000_000), true);
  assert.equal(clock.pending, 0);
});

test("an empty purse holds back until it is told of more, and nothing goes that it did not give", () => {
  const clock = new FakeClock();
  const throttle = new Throttle(clock);
  let left = 250;
  throttle.purse = {
    take: (size) => {
      if (size > left) return false;
      left -= size;
      return true;
    },
  };
  assert.equal(throttle.take(100), true);
  const queue: number[] = [100, 100, 100];
  const sent: number[] = [];
  throttle.wait({
    get nextBytes() {
      return queue[0] ?? 0;
    },
    sendNext: () => sent.push(queue.shift() ?? 0),
  });
  throttle.pump();
  assert.deepEqual([sent.length, left, clock.pending], [1, 50, 0]);
  clock.run(10_000);
  assert.equal(sent.length, 1);
  left += 160;
  throttle.pump();
  assert.deepEqual([sent.length, left], [3, 10]);
});

class FakePort implements Port {
  readonly sent: ArrayBuffer[] = [];
  bufferedAmount = 0;

  send(message: ArrayBuffer): void {
    this.sent.push(message);
  }
}

function relay(throttle: Throttle, maxLaneBufferBytes = LIMITS.maxLaneBufferBytes): { relay: Relay; reader: FakePort; gateway: FakePort; ends: string[] } {
  const ends: string[] = [];
  const made = new Relay((reason) => ends.push(reason), { ...LIMITS, maxLaneBufferBytes }, throttle);
  const reader = new FakePort();
  const gateway = new FakePort();
  made.open("reader", reader);
  made.open("gateway", gateway);
  return { relay: made, reader, gateway, ends };
}

test("what comes too fast is held and goes later, in order, in both directions together", () => {
  const clock = new FakeClock();
  const throttle = new Throttle(clock);
  throttle.speed = 10_000;
  const { relay: one, reader, gateway, ends } = relay(throttle);
  const messages = Array.from({ length: 40 }, (_, index) => new ArrayBuffer(index + 1_000));
  for (const message of messages) {
    one.receive("reader", message);
    one.receive("gateway", message);
  }
  clock.run(4_000);
  const passed = one.bytesUp + one.bytesDown;
  assert.ok(passed >= 39_000 && passed <= 43_000, String(passed));
  clock.run(6_000);
  assert.deepEqual([reader.sent, gateway.sent], [messages, messages]);
  assert.deepEqual([ends, clock.pending], [[], 0]);
});

test("a sender that never slows down is held up to the bound, then its lane ends and the others go on", () => {
  const clock = new FakeClock();
  const throttle = new Throttle(clock);
  throttle.speed = 1_000;
  const fast = relay(throttle, 10_000);
  const slow = relay(throttle, 10_000);
  slow.relay.receive("reader", new ArrayBuffer(900));
  slow.relay.receive("reader", new ArrayBuffer(900));
  for (let count = 0; count < 20; count += 1) fast.relay.receive("gateway", new ArrayBuffer(900));
  assert.deepEqual(fast.ends, ["overflow"]);
  clock.run(3_000);
  assert.equal(slow.gateway.sent.length, 2);
  assert.equal(clock.pending, 0);
});

test("very many tiny messages count for the memory that they take", () => {
  const throttle = new Throttle(new FakeClock());
  throttle.speed = 1;
  const { relay: one, ends } = relay(throttle, 100_000);
  let received = 0;
  while (ends.length === 0) {
    one.receive("reader", new ArrayBuffer(1));
    received += 1;
  }
  assert.ok(received < 500, String(received));
});
