import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../src/bridge/limits.js";
import { Pool, Relay, type Port } from "../src/bridge/relay.js";

class FakePort implements Port {
  readonly sent: ArrayBuffer[] = [];
  bufferedAmount = 0;
  failing = false;

  send(message: ArrayBuffer): void {
    if (this.failing) throw new Error("full");
    this.sent.push(message);
  }
}

const LIMIT = { ...LIMITS, maxLaneBufferBytes: 100, heldMessageBytes: 0, maxMessageBytes: 60 };

function start(): { relay: Relay; reader: FakePort; gateway: FakePort; ends: string[] } {
  const ends: string[] = [];
  return { relay: new Relay((reason) => ends.push(reason), LIMIT), reader: new FakePort(), gateway: new FakePort(), ends };
}

test("messages pass both ways, one for one, in order, and are counted", () => {
  const { relay, reader, gateway, ends } = start();
  relay.open("gateway", gateway);
  assert.equal(relay.joined, false);
  relay.open("reader", reader);
  assert.equal(relay.joined, true);
  const messages = [1, 60, 7].map((size) => new ArrayBuffer(size));
  for (const message of messages) relay.receive("reader", message);
  for (const message of messages) relay.receive("gateway", message);
  assert.deepEqual(gateway.sent, messages);
  assert.deepEqual(reader.sent, messages);
  assert.deepEqual([relay.bytesUp, relay.bytesDown, ends.length], [68, 68, 0]);
});

test("what comes before the other side is open is held and goes first", () => {
  const { relay, reader, gateway } = start();
  const [first, second, third] = [1, 2, 3].map((size) => new ArrayBuffer(size));
  relay.open("reader", reader);
  relay.receive("reader", first);
  relay.receive("reader", second);
  assert.equal(relay.bytesUp, 0);
  relay.open("gateway", gateway);
  relay.receive("reader", third);
  assert.deepEqual(gateway.sent, [first, second, third]);
});

test("each thing that is not allowed ends the lane and is not passed on", () => {
  const cases: readonly [unknown, string][] = [
    ["text", "text"],
    [undefined, "text"],
    [new Uint8Array(3), "text"],
    [new ArrayBuffer(0), "empty"],
    [new ArrayBuffer(61), "oversized"],
  ];
  for (const [message, reason] of cases) {
    for (const side of ["reader", "gateway"] as const) {
      const { relay, reader, gateway, ends } = start();
      relay.open("reader", reader);
      relay.open("gateway", gateway);
      relay.receive(side, message);
      assert.deepEqual(ends, [reason]);
      assert.equal(reader.sent.length + gateway.sent.length, 0);
    }
  }
});

test("more than the bound held, or unsent, ends the lane", () => {
  const held = start();
  held.relay.receive("gateway", new ArrayBuffer(60));
  held.relay.receive("gateway", new ArrayBuffer(40));
  assert.deepEqual(held.ends, []);
  held.relay.receive("gateway", new ArrayBuffer(1));
  assert.deepEqual(held.ends, ["overflow"]);

  const unsent = start();
  unsent.relay.open("gateway", unsent.gateway);
  unsent.gateway.bufferedAmount = 90;
  unsent.relay.receive("reader", new ArrayBuffer(10));
  assert.deepEqual(unsent.ends, []);
  unsent.relay.receive("reader", new ArrayBuffer(11));
  assert.deepEqual(unsent.ends, ["overflow"]);
});

test("a port that no longer takes anything ends the lane, also while held messages go out", () => {
  const { relay, gateway, ends } = start();
  relay.receive("reader", new ArrayBuffer(1));
  relay.receive("reader", new ArrayBuffer(2));
  gateway.failing = true;
  relay.open("gateway", gateway);
  assert.deepEqual(ends, ["closed"]);
  assert.equal(relay.bytesUp, 0);
});

test("it ends once, and afterwards nothing moves", () => {
  const { relay, reader, gateway, ends } = start();
  relay.open("gateway", gateway);
  relay.end("stopped");
  relay.end("closed");
  relay.open("reader", reader);
  relay.receive("reader", new ArrayBuffer(1));
  assert.deepEqual(ends, ["stopped"]);
  assert.deepEqual([relay.ended, relay.joined, gateway.sent.length], [true, false, 0]);
});

test("lanes that hold much leave room for the others of the page, and what ends gives its room back", () => {
  const pool = new Pool(200);
  const ends: string[] = [];
  const [greedy, second, modest] = ["greedy", "second", "modest"].map((name) => new Relay((reason) => ends.push(`${name} ${reason}`), LIMIT, undefined, pool));
  assert.ok(greedy && second && modest);
  for (let piece = 0; piece < 2; piece++) greedy.receive("reader", new ArrayBuffer(45));
  second.receive("reader", new ArrayBuffer(50));
  assert.deepEqual([ends, pool.freeBytes], [[], 60]);
  second.receive("reader", new ArrayBuffer(20));
  assert.deepEqual([ends, pool.freeBytes], [["second overflow"], 110]);
  modest.receive("reader", new ArrayBuffer(20));
  modest.receive("reader", new ArrayBuffer(20));
  assert.equal(pool.freeBytes, 70);
  modest.open("gateway", new FakePort());
  assert.equal(pool.freeBytes, 110);
  greedy.end("stopped");
  assert.deepEqual([ends, pool.freeBytes], [["second overflow", "greedy stopped"], 200]);
});
