import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Bridge } from "../src/bridge/bridge.js";
import { BrokerClient } from "../src/bridge/broker.js";
import type { BrokerPhase } from "../src/helping/states.js";
import { FakeSocket, FakeTransports, OFFER } from "./fakes.js";

const CONFIG = { v: 1, bridge_socket: "wss://x/v1/bridge", gateways: ["wss://x/v1/lane"], stun: ["stun:x:1"], allow_private: false };

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class World {
  readonly transports = new FakeTransports();
  readonly sockets: FakeSocket[] = [];
  readonly phases: BrokerPhase[] = [];
  readonly asked: string[] = [];
  answer: () => Promise<Response> = () => Promise.resolve(new Response(JSON.stringify(CONFIG)));
  online = true;
  now = 0;
  readonly bridge = new Bridge(this.transports, 8, () => this.client.tellRoom());
  readonly client = new BrokerClient("https://x", this.bridge, (phase) => this.phases.push(phase), {
    fetch: (url, init) => {
      this.asked.push(url);
      assert.deepEqual([init.credentials, init.referrerPolicy], ["omit", "no-referrer"]);
      return this.answer();
    },
    socket: (url) => {
      const socket = new FakeSocket(url);
      this.sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    online: () => this.online,
    random: () => 1,
    now: () => this.now,
  });

  get phase(): BrokerPhase | undefined {
    return this.phases.at(-1);
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("No socket was made.");
    return socket;
  }

  async ready(): Promise<void> {
    await settle();
    this.socket.open();
    this.socket.receive('{"type":"ready","bridge":"B"}');
  }
}

async function readyWorld(t: TestContext): Promise<World> {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const world = new World();
  world.client.start();
  await world.ready();
  return world;
}

test("it asks for the config, says hello and is ready", async (t) => {
  const world = await readyWorld(t);
  assert.deepEqual(world.asked, ["https://x/v1/config"]);
  assert.equal(world.socket.url, "wss://x/v1/bridge");
  assert.deepEqual(world.socket.said, [{ type: "hello", v: 1, client: "page", nat: "unknown", capacity: 64, readers: 8 }]);
  assert.deepEqual(world.phases, [{ phase: "connecting" }, { phase: "ready" }]);
  world.client.stop();
});

test("a match is answered, then room is told, and a broker that came back gets no old answers", async (t) => {
  const world = await readyWorld(t);
  const match = (name: string): string =>
    JSON.stringify({ type: "match", match: name, gateway: `wss://x/v1/lane/${name}`, offers: [{ offer: 0, description: OFFER }] });
  world.socket.receive(match("A"));
  await settle();
  const types = world.socket.said.map((message) => (message as { type: string }).type);
  assert.deepEqual(types, ["hello", "answers", "capacity"]);
  assert.deepEqual(world.socket.said[2], { type: "capacity", free: 63, readers: 7 });

  world.transports.prepare = (peer) => (peer.iceGatheringState = "gathering");
  world.socket.receive(match("B"));
  world.socket.onclose?.();
  t.mock.timers.tick(1_000);
  await world.ready();
  world.transports.peers[1]?.onicecandidate?.({ candidate: null });
  await settle();
  assert.ok(!world.socket.said.some((message) => (message as { type: string }).type === "answers"));
  assert.equal(world.transports.peers[1]?.closed, true);
  world.client.stop();
  world.bridge.close();
});

test("a match for a gateway that is not known makes it ask for the config again, now and then", async (t) => {
  const world = await readyWorld(t);
  const match = (name: string, host: string): string =>
    JSON.stringify({ type: "match", match: name, gateway: `wss://${host}/v1/lane/T`, offers: [{ offer: 0, description: OFFER }] });
  const refusals = (): unknown[] => world.socket.said.flatMap((said) => (said as { answers?: { refused?: string }[] }).answers ?? []).map(({ refused }) => refused);
  world.answer = () => Promise.resolve(new Response(JSON.stringify({ ...CONFIG, gateways: ["wss://x/v1/lane", "wss://new/v1/lane"] })));
  world.socket.receive(match("A", "new"));
  world.socket.receive(match("B", "new"));
  await settle();
  assert.deepEqual(refusals(), [undefined, undefined]);
  assert.equal(world.asked.length, 2);

  world.socket.receive(match("C", "foreign"));
  await settle();
  assert.deepEqual(refusals().at(-1), "gateway");
  assert.equal(world.asked.length, 2);

  world.now += 5_000;
  world.answer = () => Promise.reject(new TypeError("unreachable"));
  world.socket.receive(match("D", "foreign"));
  await settle();
  assert.deepEqual(refusals().at(-1), "gateway");
  assert.equal(world.asked.length, 3);
  world.socket.receive(match("E", "new"));
  await settle();
  assert.deepEqual(refusals().at(-1), undefined);

  world.now += 5_000;
  world.answer = () => new Promise(() => undefined);
  world.socket.receive(match("F", "foreign"));
  await settle();
  world.client.stop();
  await settle();
  assert.equal(refusals().length, 5);
  world.bridge.close();
});

test("each failure is waited out longer, a steady connection starts from the least again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const world = new World();
  world.answer = () => Promise.reject(new TypeError("unreachable"));
  world.client.start();
  await settle();
  for (const wait of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
    const before = world.asked.length;
    assert.deepEqual(world.phase, { phase: "lost", reason: "unreachable" });
    t.mock.timers.tick(wait - 1);
    assert.equal(world.asked.length, before);
    t.mock.timers.tick(1);
    assert.equal(world.asked.length, before + 1);
    await settle();
  }
  world.answer = () => Promise.resolve(new Response(JSON.stringify(CONFIG)));
  t.mock.timers.tick(60_000);
  await world.ready();
  world.now += 10_000;
  world.socket.onclose?.();
  const before = world.asked.length;
  t.mock.timers.tick(1_000);
  assert.equal(world.asked.length, before + 1);
  world.client.stop();
});

test("reasons tell a person what is the matter", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const cases: readonly [(world: World) => void | Promise<void>, string][] = [
    [(world) => void world.socket.receive('{"type":"error","code":"full"}'), "full"],
    [(world) => void world.socket.receive('{"type":"error","code":"version"}'), "version"],
    [(world) => void world.socket.receive("nonsense"), "protocol"],
    [(world) => void world.socket.receive(new ArrayBuffer(1)), "protocol"],
    [(world) => void (world.online = false), "offline"],
    [() => undefined, "unreachable"],
  ];
  for (const [happen, reason] of cases) {
    const world = new World();
    world.client.start();
    await world.ready();
    await happen(world);
    world.socket.onclose?.();
    assert.deepEqual(world.phase, { phase: "lost", reason });
    world.client.stop();
  }
});

test("a config that makes no sense, a bad status and silence are failures", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const cases: readonly [() => Promise<Response>, string][] = [
    [() => Promise.resolve(new Response("{}")), "protocol"],
    [() => Promise.resolve(new Response("", { status: 503 })), "unreachable"],
    [() => new Promise(() => undefined), "unreachable"],
  ];
  for (const [answer, reason] of cases) {
    const world = new World();
    world.answer = answer;
    world.client.start();
    await settle();
    if (world.phase?.phase === "connecting") t.mock.timers.tick(20_000);
    assert.deepEqual(world.phase, { phase: "lost", reason });
    world.client.stop();
  }
});

test("after sleep, and when the network is back, it starts anew at once", async (t) => {
  const world = await readyWorld(t);
  world.now += 30_000;
  t.mock.timers.tick(30_000);
  assert.equal(world.asked.length, 1);
  world.now += 3_600_000;
  t.mock.timers.tick(30_000);
  assert.equal(world.asked.length, 2);
  await world.ready();
  world.online = false;
  world.client.networkLost();
  assert.deepEqual(world.phase, { phase: "lost", reason: "offline" });
  assert.equal(world.socket.readyState, 3);
  world.online = true;
  world.client.reconnectNow();
  assert.equal(world.asked.length, 3);
  await world.ready();
  assert.deepEqual(world.phase, { phase: "ready" });
  world.client.stop();
});

test("stopped is stopped: no socket, no timer, no word", async (t) => {
  const world = await readyWorld(t);
  const { socket } = world;
  world.client.stop();
  const phases = world.phases.length;
  assert.deepEqual([socket.readyState, socket.onclose, socket.onmessage], [3, null, null]);
  world.client.reconnectNow();
  world.client.networkLost();
  t.mock.timers.tick(600_000);
  await settle();
  assert.deepEqual([world.asked.length, world.phases.length], [1, phases]);
});
