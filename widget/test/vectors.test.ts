/** The vectors that all implementations share. */

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { judge } from "../src/pages/invite.js";
import { checkDescription } from "../src/wire/description.js";
import { parseDown } from "../src/wire/messages.js";

interface Example {
  readonly name: string;
  readonly text: string;
}

interface Examples {
  readonly valid: readonly Example[];
  readonly invalid: readonly Example[];
}

function vectors<T>(name: string): T {
  // Tests run in the folder of the widget, wherever their bundles lie.
  return JSON.parse(readFileSync(`../tests/vectors/${name}.json`, "utf8")) as T;
}

/** All that a page reads of a message: the message itself, then each description, which may refuse its lane alone. */
function readAll(text: string): void {
  const message = parseDown(text);
  if (message.type === "match") for (const { description } of message.offers) checkDescription(description, "offer", true);
}

for (const [kind, check] of [
  ["valid", (text: string) => assert.doesNotThrow(() => readAll(text))],
  ["invalid", (text: string) => assert.throws(() => readAll(text))],
] as const) {
  for (const { name, text } of vectors<{ from_broker: Examples }>("signalling").from_broker[kind]) {
    test(`from the broker, ${kind}: ${name}`, () => check(text));
  }
}

for (const { name, text } of vectors<Examples>("invites").valid.filter((example) => /^uw1\.[\w-]+$/.test(example.text))) {
  test(`invite: ${name}`, async () => {
    assert.equal(await judge(`#${text}`, webcrypto.subtle as unknown as SubtleCrypto), "whole");
  });
}
