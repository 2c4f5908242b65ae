/** The pure parts of the operator's pages: choices, the lines for a site, the talk of a frame, deeds, and where the operator is. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { operatorOf } from "../src/face/operator.js";
import { choiceOf, cssRule, frameLine, framePolicyLine, PLAIN, policyLine, scriptLines, type Choice } from "../src/pages/choice.js";
import { deedsOf, deedsText } from "../src/pages/deeds.js";
import { FrameTalk, type Message } from "../src/pages/frame.js";

for (const [script, operator] of [
  ["https://bridge.example/widget.js", "https://bridge.example"],
  ["https://bridge.example/widget.js?1", "https://bridge.example"],
  ["https://news.example/bridge/widget.js", "https://news.example/bridge"],
  ["https://news.example:8443/a/b/widget.js#x", "https://news.example:8443/a/b"],
  ["https://bridge.example/widget/0123456789abcdef/widget.js", "https://bridge.example"],
  ["https://news.example/bridge/widget/0123456789abcdef/widget.js", "https://news.example/bridge"],
  ["https://news.example/widget/widget.js", "https://news.example/widget"],
] as const) {
  test(`the script ${script} helps ${operator}`, () => assert.equal(operatorOf(script), operator));
}

const PIN = { version: "0123456789abcdef", integrity: "sha384-abc" };

test("the plainest choice is two short lines", () => {
  assert.equal(
    scriptLines("https://b.example", PLAIN, undefined, "Needs JavaScript."),
    '<script type="module" src="https://b.example/widget.js"></script>\n<unwalled-bridge>Needs JavaScript.</unwalled-bridge>',
  );
});

test("a pinned script names its version and hash, and every choice stands in an attribute", () => {
  const choice: Choice = { layout: "floating", theme: "dark", lang: "fa", readers: 3, colour: "#6a1b9a" };
  assert.equal(
    scriptLines("https://b.example/x", choice, PIN, ""),
    '<script type="module" src="https://b.example/x/widget/0123456789abcdef/widget.js" integrity="sha384-abc" crossorigin="anonymous"></script>\n' +
      '<unwalled-bridge layout="floating" theme="dark" lang="fa" max-readers="3"></unwalled-bridge>',
  );
  assert.equal(cssRule(choice), "unwalled-bridge { --uw-live: #6a1b9a; }");
  assert.equal(cssRule(PLAIN), "");
});

test("what floats is a panel in a frame, and the frame's address is escaped", () => {
  const line = frameLine("https://b.example", { ...PLAIN, layout: "floating", theme: "dark", colour: "#6a1b9a" }, 'Help "us" & <them>');
  assert.ok(line.includes(' src="https://b.example/embed?theme=dark&amp;colour=%236a1b9a"'));
  assert.ok(line.includes(' title="Help &quot;us&quot; &amp; &lt;them&gt;"'));
});

test("the policies name the operator's origin, without a path", () => {
  assert.equal(policyLine("https://b.example/x"), "script-src https://b.example; connect-src https://b.example wss://b.example");
  assert.equal(policyLine("http://10.0.0.1:8080"), "script-src http://10.0.0.1:8080; connect-src http://10.0.0.1:8080 ws://10.0.0.1:8080");
  assert.equal(framePolicyLine("https://b.example/x"), "frame-src https://b.example");
});

test("a choice is read back from the address of its frame", () => {
  const choice: Choice = { layout: "badge", theme: "light", lang: "zh-Hant", readers: 1, colour: "#00ff00" };
  const query = /embed\?([^"]*)/.exec(frameLine("https://b.example", choice, ""))?.[1]?.replaceAll("&amp;", "&") ?? "";
  assert.deepEqual(choiceOf(new URLSearchParams(query)), choice);
});

for (const query of ["", "layout=x&theme=&lang=e&max-readers=0&colour=red", "layout=constructor&theme=toString", "lang=fa%22%3E&max-readers=9", "max-readers=1.5&colour=%2300ff0", "max-readers=NaN"]) {
  test(`what makes no sense in ${JSON.stringify(query)} counts as not said`, () => assert.deepEqual(choiceOf(new URLSearchParams(query)), PLAIN));
}

const HELLO = { unwalled: 1, type: "hello" };

function talk(framedBy?: string): { conversation: FrameTalk; sent: [Message, string][] } {
  const sent: [Message, string][] = [];
  const conversation = new FrameTalk({ height: 100, state: "off" }, framedBy, (message, origin) => sent.push([message, origin]));
  return { conversation, sent };
}

test("a frame tells nothing before it is asked, and then the one who asked alone", () => {
  const { conversation, sent } = talk();
  conversation.update({ height: 200, state: "waiting" });
  assert.deepEqual(sent, []);
  assert.equal(conversation.receive({ data: HELLO, origin: "https://news.example", fromParent: true }), true);
  assert.deepEqual(sent.splice(0), [
    [{ unwalled: 1, type: "size", height: 200 }, "https://news.example"],
    [{ unwalled: 1, type: "state", state: "waiting" }, "https://news.example"],
  ]);
  conversation.update({ height: 200, state: "waiting" });
  assert.deepEqual(sent, []);
  conversation.update({ height: 200, state: "helping" });
  assert.deepEqual(sent.splice(0), [[{ unwalled: 1, type: "state", state: "helping" }, "https://news.example"]]);
  assert.equal(conversation.receive({ data: HELLO, origin: "https://news.example", fromParent: true }), true);
  assert.equal(sent.length, 2);
});

for (const [why, asked] of [
  ["it does not hold the frame", { data: HELLO, origin: "https://news.example", fromParent: false }],
  ["it has no origin of its own", { data: HELLO, origin: "null", fromParent: true }],
  ["it says something else", { data: { unwalled: 1, type: "size" }, origin: "https://news.example", fromParent: true }],
  ["it says nothing", { data: null, origin: "https://news.example", fromParent: true }],
  ["it says a text", { data: "hello", origin: "https://news.example", fromParent: true }],
] as const) {
  test(`a page is told nothing when ${why}`, () => {
    const { conversation, sent } = talk();
    assert.equal(conversation.receive(asked), false);
    conversation.update({ height: 1, state: "helping" });
    assert.deepEqual(sent, []);
  });
}

test("a second origin is not believed, nor one that the browser contradicts", () => {
  const { conversation, sent } = talk();
  conversation.receive({ data: HELLO, origin: "https://news.example", fromParent: true });
  sent.splice(0);
  assert.equal(conversation.receive({ data: HELLO, origin: "https://other.example", fromParent: true }), false);
  conversation.update({ height: 1, state: "helping" });
  assert.ok(sent.every(([, origin]) => origin === "https://news.example"));
  const contradicted = talk("https://news.example");
  assert.equal(contradicted.conversation.receive({ data: HELLO, origin: "https://other.example", fromParent: true }), false);
  assert.deepEqual(contradicted.sent, []);
});

test("deeds travel in a fragment and come back", () => {
  const deeds = { people: 12, bytes: 3_400_000_000, seconds: 7_200, countries: ["IR", "CN"] };
  assert.deepEqual(deedsOf(`#${deedsText(deeds)}`), deeds);
  assert.deepEqual(deedsOf(`#${deedsText({ ...deeds, countries: [] })}`), { ...deeds, countries: [] });
});

for (const fragment of ["", "#", "#people=0&bytes=5", "#people=-1", "#people=1e3", "#people=%3Cb%3E", "#people=1234567890123456"]) {
  test(`${JSON.stringify(fragment)} tells of nobody`, () => assert.equal(deedsOf(fragment), undefined));
}

test("countries that are none are left out, and there are not too many", () => {
  const codes = [..."ABCDEFGHIJKLMNOPQ"].map((letter) => `A${letter}`);
  assert.deepEqual(deedsOf("#people=1&countries=IR.ir.IR.X.%3Cb%3E.CN")?.countries, ["IR", "CN"]);
  assert.equal(deedsOf(`#people=1&countries=${codes.join(".")}`)?.countries.length, 12);
});
