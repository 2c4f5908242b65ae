import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "../src/bridge/backoff.js";
import { LIMITS } from "../src/bridge/limits.js";
import { shown, type Situation } from "../src/helping/states.js";
import { isOperatorsGateway, parseConfig, parseDown, readConfig, SignallingError } from "../src/wire/messages.js";

const CONFIG = {
  v: 1,
  bridge_socket: "wss://news.example/v1/bridge",
  gateways: ["wss://news.example/v1/lane"],
  stun: ["stun:stun.example:3478"],
  allow_private: false,
};

test("a config is read", () => {
  assert.deepEqual(parseConfig(JSON.stringify({ ...CONFIG, more: 1 }), "https://news.example"), {
    bridgeSocket: CONFIG.bridge_socket,
    gateways: CONFIG.gateways,
    stun: CONFIG.stun,
    allowPrivate: false,
    swarms: false,
  });
  assert.equal(parseConfig(JSON.stringify(CONFIG), "http://127.0.0.1:80").allowPrivate, true);
  assert.equal(parseConfig(JSON.stringify({ ...CONFIG, allow_private: true }), "https://news.example").allowPrivate, true);
});

test("an operator outside of a visitor's own network sends nobody into it", () => {
  const at = (host: string): string => JSON.stringify({ ...CONFIG, allow_private: true, gateways: [...CONFIG.gateways, `wss://${host}/v1/lane`] });
  for (const host of ["127.0.0.1:81", "localhost", "localhost.", "a.localhost:8443", "192.168.1.1", "10.0.0.1", "[::1]", "[fd00::1]", "0x7f.1", "2130706433"]) {
    assert.throws(() => parseConfig(at(host), "https://news.example"), SignallingError, host);
    assert.throws(() => parseConfig(JSON.stringify({ ...CONFIG, bridge_socket: `wss://${host}/x` }), "https://news.example"), SignallingError, host);
    // One that lies in it itself may.
    assert.equal(parseConfig(at(host), "http://127.0.0.1:80").gateways.length, 2, host);
  }
  assert.equal(parseConfig(at("198.51.100.7"), "https://news.example").gateways.length, 2);
});

test("an answer that never ends is read no further than a config can reach", async () => {
  let given = 0;
  let ended = false;
  const chunk = new TextEncoder().encode(" ".repeat(LIMITS.maxConfigBytes / 4));
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      given += 1;
      // It does end here, so that reading all of it is a failure and no hang.
      if (given > 100) controller.close();
      else controller.enqueue(chunk);
    },
    cancel() {
      ended = true;
    },
  });
  await assert.rejects(readConfig(new Response(body), "https://news.example"), SignallingError);
  assert.ok(ended);
  assert.ok(given <= 6, String(given));
});

test("an answer is put together from its pieces, even where one cuts a letter", async () => {
  const bytes = new TextEncoder().encode(JSON.stringify({ more: "é", ...CONFIG }));
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  assert.deepEqual((await readConfig(new Response(body), "https://news.example")).gateways, CONFIG.gateways);
  await assert.rejects(readConfig(new Response(null), "https://news.example"), SignallingError);
});

test("every wrong config is refused", () => {
  const wrong: Record<string, readonly unknown[]> = {
    v: [undefined, 2, "1"],
    bridge_socket: [undefined, 1, "", "https://x/", "wss://u:p@x/", "wss://x/?q", "wss://x/#f", "no url"],
    gateways: [undefined, [], "wss://x", [1], ["http://x"], Array(33).fill("wss://x/l")],
    stun: [undefined, ["turn:x"], ["stun:a b"], [1], Array(9).fill("stun:x")],
    allow_private: [undefined, 1, "false"],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      const text = JSON.stringify({ ...CONFIG, [field]: value });
      assert.throws(() => parseConfig(text, "https://news.example"), SignallingError, text);
    }
  }
  for (const text of ["", "null", "[]", "{", " ".repeat(LIMITS.maxConfigBytes + 1)]) {
    assert.throws(() => parseConfig(text, "https://news.example"), SignallingError);
  }
});

test("only the operator's gateways with one ticket behind are gateways", () => {
  const of = (url: string): boolean => isOperatorsGateway(url, CONFIG.gateways);
  assert.equal(of("wss://news.example/v1/lane/T-1_a"), true);
  for (const url of ["", "wss://news.example/v1/lane", "wss://news.example/v1/lane/", "wss://news.example/v1/lane/a/b", "wss://news.example/v1/lane/..", "wss://news.example/v1/lane/a?b", "wss://news.example/v1/lanes/a", "ws://news.example/v1/lane/a", "wss://news.example.evil/v1/lane/a", `wss://news.example/v1/lane/${"a".repeat(65)}`]) {
    assert.equal(of(url), false, url);
  }
});

test("messages of the broker are read", () => {
  assert.deepEqual(parseDown('{"type":"ready","bridge":"B","x":1}'), { type: "ready", bridge: "B" });
  assert.deepEqual(parseDown('{"type":"cancel","match":"M"}'), { type: "cancel", match: "M" });
  assert.deepEqual(parseDown('{"type":"error","code":"full"}'), { type: "error", code: "full" });
  assert.deepEqual(parseDown('{"type":"match","match":"M","gateway":"g","offers":[{"offer":3,"description":null}]}'), {
    type: "match",
    match: "M",
    gateway: "g",
    offers: [{ offer: 3, description: null }],
  });
});

test("nonsense of the broker is refused", () => {
  const match = (offers: unknown): string => JSON.stringify({ type: "match", match: "M", gateway: "g", offers });
  const bad: readonly unknown[] = [
    new ArrayBuffer(1),
    "",
    "{}",
    "[]",
    " ".repeat(LIMITS.maxBrokerMessageBytes + 1),
    '{"type":"ready"}',
    '{"type":"ready","bridge":""}',
    '{"type":"cancel","match":"a b"}',
    '{"type":"error"}',
    '{"type":"error","code":"later"}',
    '{"type":"later"}',
    '{"type":"match","match":"M","offers":[]}',
    match(undefined),
    match([]),
    match([null]),
    match([{ offer: -1 }]),
    match([{ offer: 0.5 }]),
    match([{ offer: 0 }, { offer: 0 }]),
    match(Array.from({ length: 17 }, (_, offer) => ({ offer }))),
  ];
  for (const data of bad) assert.throws(() => parseDown(data), SignallingError, String(data));
});

test("waits double up to the limit and are never alike", () => {
  const waits = [1, 2, 3, 7, 500].map((failures) => backoffMs(failures, 1, LIMITS));
  assert.deepEqual(waits, [1000, 2000, 4000, 60_000, 60_000]);
  assert.equal(backoffMs(3, 0, LIMITS), 2000);
});

test("the state follows from what is going on", () => {
  const ready: Situation = { on: true, supported: true, pause: "", broker: { phase: "ready" }, openLanes: 0, shutIn: false };
  assert.deepEqual(shown(ready), { state: "waiting", reason: "" });
  assert.deepEqual(shown({ ...ready, shutIn: true }), { state: "error", reason: "network" });
  assert.deepEqual(shown({ ...ready, on: false }), { state: "off", reason: "" });
  assert.deepEqual(shown({ ...ready, on: false, supported: false }), { state: "unsupported", reason: "browser" });
  assert.deepEqual(shown({ ...ready, pause: "hidden", openLanes: 1 }), { state: "paused", reason: "hidden" });
  assert.deepEqual(shown({ ...ready, broker: { phase: "connecting" } }), { state: "connecting", reason: "" });
  assert.deepEqual(shown({ ...ready, broker: { phase: "lost", reason: "full" } }), { state: "error", reason: "full" });
  assert.deepEqual(shown({ ...ready, broker: { phase: "lost", reason: "offline" } }), { state: "paused", reason: "offline" });
  assert.deepEqual(shown({ ...ready, broker: { phase: "lost", reason: "full" }, openLanes: 1 }), { state: "helping", reason: "" });
});
