import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Link, Refusal, type Loss } from "../src/panel/link.js";
import type { Whole } from "../src/panel/model.js";

const FIRST = '{"snapshot":{"state":"off"},"settings":{"language":""}}\n';

/** A document that can be looked at or not. */
class Tab extends EventTarget {
  visibilityState = "visible";

  look(visibilityState: string): void {
    this.visibilityState = visibilityState;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/** One stream that the page has opened: the program's side of it. */
interface Opened {
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  say(text: string): void;
  end(): void;
}

let tab: Tab;
let opened: Opened[];
let status: number;
let heard: Whole[];
let lost: Loss[];

function fakeFetch(_: unknown, { headers, signal }: { headers: Record<string, string>; signal: AbortSignal }): Promise<Response> {
  let control: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({ start: (made) => (control = made) });
  signal.addEventListener("abort", () => control?.error(new Error("aborted")));
  opened.push({ headers, signal, say: (text) => control?.enqueue(new TextEncoder().encode(text)), end: () => control?.close() });
  return Promise.resolve(new Response(status === 200 ? body : null, { status }));
}

/** Lets everything happen that waits for nothing but promises. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  await new Promise((later) => setImmediate(later));
}

async function later(ms: number): Promise<void> {
  await settle();
  mock.timers.tick(ms);
  await settle();
}

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  [tab, opened, status, heard, lost] = [new Tab(), [], 200, [], []];
  Object.assign(globalThis, { document: tab });
  mock.method(globalThis, "fetch", fakeFetch as unknown as typeof fetch);
});

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

function begin(): Link {
  const link = new Link("secret", { heard: (whole) => heard.push(whole), lost: (loss) => lost.push(loss) });
  link.begin();
  return link;
}

test("the token goes along in a header, and what comes is heard as a whole", async () => {
  begin();
  await settle();
  assert.equal(opened[0]?.headers["Authorization"], "Bearer secret");
  opened[0]?.say(FIRST.slice(0, 20));
  opened[0]?.say(`${FIRST.slice(20)}{"settings":{"language":"fa"}}\n`);
  await settle();
  assert.deepEqual(heard.map(({ settings }) => settings.language), ["", "fa"]);
  assert.equal(heard[1]?.snapshot.state, "off");
});

test("a stream that ends is opened again, later and later while nothing is heard", async () => {
  begin();
  for (const wait of [500, 1000, 2000]) {
    await settle();
    opened.at(-1)?.end();
    await later(wait - 1);
    const before = opened.length;
    await later(1);
    assert.equal(opened.length, before + 1);
  }
  opened.at(-1)?.say(FIRST);
  await settle();
  opened.at(-1)?.end();
  await later(500);
  assert.equal(opened.length, 5);
  assert.deepEqual(new Set(lost), new Set(["ended"]));
});

test("a token that is no longer good is not tried again", async () => {
  status = 401;
  begin();
  await later(60_000);
  assert.equal(opened.length, 1);
  assert.deepEqual(lost, ["token"]);
});

test("too many pages are told, and it is tried again", async () => {
  status = 429;
  begin();
  await later(500);
  assert.equal(opened.length, 2);
  assert.equal(lost[0], "many");
});

test("a program that says nothing for long is given up", async () => {
  begin();
  await settle();
  opened[0]?.say("{}\n");
  await later(29_000);
  assert.equal(opened[0]?.signal.aborted, false);
  await later(1_000);
  assert.equal(opened[0]?.signal.aborted, true);
  assert.deepEqual(lost, ["ended"]);
});

test("a page that nobody looks at hears no more, until somebody looks", async () => {
  begin();
  await settle();
  tab.look("hidden");
  opened[0]?.say(FIRST);
  await later(25_000);
  opened[0]?.say("{}\n");
  await later(25_000);
  tab.look("visible");
  opened[0]?.say("{}\n");
  await later(25_000);
  opened[0]?.say("{}\n");
  await settle();
  assert.equal(opened[0]?.signal.aborted, false);
  tab.look("hidden");
  for (let turn = 0; turn < 3; turn += 1) {
    await later(20_000);
    if (turn < 2) opened[0]?.say("{}\n");
  }
  assert.equal(opened[0]?.signal.aborted, true);
  assert.equal(opened.length, 1);
  tab.look("visible");
  await settle();
  assert.equal(opened.length, 2);
  // It was not lost: nobody looked.
  assert.deepEqual(lost, []);
});

test("what is refused is told with its code and remedy, and so is a program that is gone", async () => {
  const link = begin();
  const answer = { code: "damaged-invite", cause: "It is damaged.", remedy: "Copy it again." };
  mock.method(globalThis, "fetch", (() => Promise.resolve(new Response(JSON.stringify(answer), { status: 400 }))) as typeof fetch);
  await assert.rejects(link.ask("invites/add"), (error: Refusal) => {
    assert.deepEqual({ code: error.code, cause: error.message, remedy: error.remedy }, answer);
    return true;
  });
  mock.method(globalThis, "fetch", (() => Promise.resolve(new Response("Something went wrong.", { status: 500 }))) as typeof fetch);
  await assert.rejects(link.ask("on"), { code: "failed" });
  mock.method(globalThis, "fetch", (() => Promise.reject(new TypeError("gone"))) as typeof fetch);
  await assert.rejects(link.ask("on"), { code: "ended" });
});
