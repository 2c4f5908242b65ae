import assert from "node:assert/strict";
import { test } from "node:test";
import { Bridge } from "../src/bridge/bridge.js";
import type { Answer, OperatorConfig } from "../src/wire/messages.js";
import { FakeChannel, FakeTransports, OFFER } from "./fakes.js";

const CONFIG: OperatorConfig = { bridgeSocket: "wss://x/v1/bridge", gateways: ["wss://x/v1/lane"], stun: ["stun:x:1"], allowPrivate: false, swarms: false };

function start(maxReaders = 2, config = CONFIG): { bridge: Bridge; transports: FakeTransports; take: (match: string, lanes: number, reader?: string) => Promise<Answer[]> } {
  const transports = new FakeTransports();
  const bridge = new Bridge(transports, maxReaders, () => undefined);
  const take = (match: string, lanes: number, reader?: string): Promise<Answer[]> => {
    const offers = Array.from({ length: lanes }, (_, offer) => ({ offer, description: OFFER }));
    const named = reader === undefined ? {} : { reader };
    return bridge.take({ match, gateway: `wss://x/v1/lane/${match}`, offers, ...named }, config);
  };
  return { bridge, transports, take };
}

const refusals = (answers: readonly Answer[]): string[] => answers.map((answer) => ("refused" in answer ? answer.refused : "answered"));

test("room is what the volunteer allows less what is taken, and comes back", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { bridge, transports, take } = start();
  assert.deepEqual([bridge.capacity, bridge.room], [16, { free: 16, readers: 2 }]);
  assert.deepEqual(refusals(await take("A", 3)), ["answered", "answered", "answered"]);
  assert.deepEqual(bridge.room, { free: 13, readers: 1 });
  assert.deepEqual(refusals(await take("B", 14)), [...Array<string>(13).fill("answered"), "busy"]);
  assert.deepEqual(bridge.room, { free: 0, readers: 0 });
  assert.deepEqual(refusals(await take("C", 2)), ["busy", "busy"]);
  for (const socket of transports.sockets.slice(0, 3)) socket.onclose?.();
  assert.deepEqual(bridge.room, { free: 3, readers: 1 });
  bridge.maxReaders = 1;
  assert.deepEqual(bridge.room, { free: 0, readers: 0 });
  bridge.close();
});

test("further matches of one reader take lanes, but no further place of a reader", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { bridge, transports, take } = start();
  await take("A", 2, "reader");
  await take("B", 2, "reader");
  assert.deepEqual(bridge.room, { free: 12, readers: 1 });
  for (let lane = 0; lane < 4; lane += 1) transports.openLane(lane);
  assert.deepEqual([bridge.counts.readers, bridge.counts.lanes], [1, 4]);
  await take("C", 1, "other");
  assert.deepEqual(bridge.room, { free: 0, readers: 0 });
  assert.deepEqual(refusals(await take("D", 1)), ["busy"]);
  assert.deepEqual(refusals(await take("E", 1, "reader")), ["answered"]);
  bridge.close();
});

test("a lane that does not open in time gives its place back and closes both sides", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { bridge, transports, take } = start();
  await take("A", 1);
  transports.sockets[0]?.open();
  t.mock.timers.tick(20_000);
  assert.deepEqual(bridge.room, { free: 16, readers: 2 });
  assert.equal(transports.sockets[0]?.readyState, 3);
  assert.equal(transports.peers[0]?.closed, true);
});

test("readers, lanes and bytes are counted, and bytes stay counted", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { bridge, transports, take } = start();
  await take("A", 2);
  const first = transports.openLane(0);
  transports.openLane(1);
  assert.deepEqual(bridge.counts, { readers: 1, lanes: 2, bytesUp: 0, bytesDown: 0 });
  first.channel.onmessage?.({ data: new ArrayBuffer(5) });
  first.socket.receive(new ArrayBuffer(7));
  assert.deepEqual(bridge.counts, { readers: 1, lanes: 2, bytesUp: 5, bytesDown: 7 });
  first.socket.onclose?.();
  assert.deepEqual(bridge.counts, { readers: 1, lanes: 1, bytesUp: 5, bytesDown: 7 });
  bridge.close();
  assert.deepEqual(bridge.counts, { readers: 0, lanes: 0, bytesUp: 5, bytesDown: 7 });
});

test("when the gateway ends a lane, the reader gets what is on its way before the connection is cut", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { bridge, transports, take } = start();
  await take("A", 2);
  const { socket, channel } = transports.openLane(0);
  socket.onclose?.();
  assert.deepEqual([channel.readyState, transports.peers[0]?.closed], ["closing", false]);
  channel.onclose?.();
  assert.equal(transports.peers[0]?.closed, true);
  const other = transports.openLane(1);
  other.socket.onclose?.();
  t.mock.timers.tick(2_000);
  assert.equal(transports.peers[1]?.closed, true);
  bridge.close();
});

test("closing leaves nothing, not even a lane that was saying goodbye", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { bridge, transports, take } = start();
  await take("A", 3);
  transports.openLane(0).socket.onclose?.();
  transports.openLane(1);
  bridge.close();
  assert.ok(transports.peers.every((peer) => peer.closed));
  assert.ok(transports.sockets.every((socket) => socket.readyState === 3 || socket.onclose === null));
  assert.deepEqual(refusals(await take("B", 1)), ["failed"]);
});

test("a cancelled match loses the lanes that are not open", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { bridge, transports, take } = start();
  await take("A", 2);
  transports.openLane(0);
  bridge.cancel("A");
  bridge.cancel("unknown");
  assert.equal(bridge.counts.lanes, 1);
  assert.equal(bridge.room.free, 15);
  assert.deepEqual(transports.peers.map((peer) => peer.closed), [false, true]);
  bridge.close();
});

test("an offer that the browser refuses, or a lane that ends meanwhile, is `failed` and leaves nothing", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { bridge, transports, take } = start();
  transports.prepare = (peer) => (peer.refusing = true);
  assert.deepEqual(refusals(await take("A", 1)), ["failed"]);
  transports.prepare = (peer) => (peer.iceGatheringState = "gathering");
  const answers = take("B", 1);
  transports.sockets[1]?.onclose?.();
  assert.deepEqual(refusals(await answers), ["failed"]);
  assert.ok(transports.peers.every((peer) => peer.closed));
  assert.deepEqual(bridge.room, { free: 16, readers: 2 });
});

test("the same match twice is `failed` and does not disturb the first", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { bridge, take } = start();
  await take("A", 1);
  assert.deepEqual(refusals(await take("A", 1)), ["failed"]);
  assert.equal(bridge.room.free, 15);
  bridge.close();
});

test("a channel of another kind, or a second one, ends the lane", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const change of [{ label: "x" }, { ordered: false }, { maxRetransmits: 0 }, { maxPacketLifeTime: 1 }]) {
    const { bridge, transports, take } = start();
    await take("A", 1);
    transports.peers[0]?.ondatachannel?.({ channel: Object.assign(new FakeChannel(), change) });
    assert.equal(transports.peers[0]?.closed, true, JSON.stringify(change));
    assert.equal(bridge.room.free, 16);
  }
  const { bridge, transports, take } = start();
  await take("A", 1);
  transports.openLane(0);
  transports.peers[0]?.ondatachannel?.({ channel: new FakeChannel() });
  assert.equal(bridge.counts.lanes, 0);
  bridge.close();
});

test("an answer waits a moment for more addresses, in a hidden page for the first that others can reach", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const { bridge, transports, take } = start();
  transports.prepare = (peer) => (peer.iceGatheringState = "gathering");
  let done = 0;
  const answering = async (match: string): Promise<void> => {
    assert.deepEqual(refusals(await take(match, 1)), ["answered"]);
    done += 1;
  };
  const first = answering("A");
  await settle();
  transports.peers[0]?.onicecandidate?.({ candidate: { type: "host" } });
  await settle();
  assert.equal(done, 0);
  t.mock.timers.tick(1_000);
  await first;
  transports.isHidden = true;
  const second = answering("B");
  await settle();
  transports.peers[1]?.onicecandidate?.({ candidate: { type: "srflx" } });
  await second;
  assert.equal(done, 2);
  bridge.close();
});

test("without STUN servers there is nothing to wait for", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { bridge, transports, take } = start(2, { ...CONFIG, stun: [] });
  transports.prepare = (peer) => (peer.iceGatheringState = "gathering");
  assert.deepEqual(refusals(await take("A", 2)), ["answered", "answered"]);
  bridge.close();
});

test("readers are told with their country, each once, while one of their lanes is open", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const transports = new FakeTransports();
  const bridge = new Bridge(transports, 8, () => undefined);
  const take = (match: string, about: { reader?: string; country?: string }): Promise<Answer[]> =>
    bridge.take({ match, gateway: `wss://x/v1/lane/${match}`, offers: [{ offer: 0, description: OFFER }], ...about }, CONFIG);
  await take("A", { reader: "one", country: "IR" });
  await take("B", { reader: "one", country: "IR" });
  await take("C", { reader: "two", country: "IR" });
  await take("D", { country: "CN" });
  await take("E", {});
  const where = (): string[] => bridge.guests.map(({ country }) => country).sort();
  assert.deepEqual(where(), []);
  for (let lane = 0; lane < 5; lane += 1) transports.openLane(lane);
  assert.deepEqual(where(), ["", "CN", "IR", "IR"]);
  transports.sockets[2]?.onclose?.();
  assert.deepEqual(where(), ["", "CN", "IR"]);
  bridge.close();
});

test("lanes of a match are made one after another, and their places are taken from the start", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { bridge, transports, take } = start();
  let goOn: () => void = () => undefined;
  transports.breath = new Promise((resolve) => (goOn = resolve));
  const answers = take("A", 3);
  assert.equal(transports.peers.length, 1);
  assert.deepEqual(bridge.room, { free: 13, readers: 1 });
  goOn();
  assert.deepEqual(refusals(await answers), ["answered", "answered", "answered"]);
  assert.equal(transports.peers.length, 3);
  assert.deepEqual(bridge.room, { free: 13, readers: 1 });
  bridge.close();
});

for (const end of ["cancel", "close"] as const) {
  test(`lanes that are not made yet are never made after ${end}`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { bridge, transports, take } = start();
    let goOn: () => void = () => undefined;
    transports.breath = new Promise((resolve) => (goOn = resolve));
    const answers = take("A", 3);
    if (end === "cancel") bridge.cancel("A");
    else bridge.close();
    goOn();
    assert.deepEqual(refusals(await answers), ["failed", "failed", "failed"]);
    assert.equal(transports.peers.length, 1);
    assert.ok(transports.peers[0]?.closed);
    assert.deepEqual(bridge.room, { free: 16, readers: 2 });
  });
}
