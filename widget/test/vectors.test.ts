/** The vectors that all implementations share. */

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { judge } from "../src/pages/invite.js";
import { checkDescription, fromSdp, toSdp, type Kind, type LaneDescription } from "../src/wire/description.js";
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

for (const { name, text } of vectors<Examples>("invites").valid.filter((example) => /^uw[12]\.[\w-]+$/.test(example.text))) {
  test(`invite: ${name}`, async () => {
    assert.equal(await judge(`#${text}`, webcrypto.subtle as unknown as SubtleCrypto), "whole");
  });
}

interface Described {
  readonly name: string;
  readonly role: Kind;
}

interface Descriptions {
  readonly sdp: {
    readonly valid: readonly (Described & { readonly sdp: string; readonly description: LaneDescription })[];
    readonly invalid: readonly { readonly name: string; readonly sdp: string }[];
  };
  readonly json: {
    readonly valid: readonly (Described & {
      readonly value: unknown;
      readonly description: LaneDescription;
      readonly public: LaneDescription;
    })[];
    readonly invalid: readonly (Described & { readonly value: unknown })[];
  };
  readonly template: readonly (Described & { readonly description: LaneDescription; readonly sdp: string })[];
}

const descriptions = vectors<Descriptions>("descriptions");

for (const { name, role, sdp, description } of descriptions.sdp.valid) {
  test(`SDP: ${name}`, () => assert.deepEqual(fromSdp(sdp, role, true), description));
}
for (const { name, sdp } of descriptions.sdp.invalid) {
  for (const role of ["offer", "answer"] as const) {
    test(`bad SDP as ${role}: ${name}`, () => assert.throws(() => fromSdp(sdp, role, true), { name: "DescriptionError" }));
  }
}
for (const { name, role, value, description, public: allowed } of descriptions.json.valid) {
  test(`description: ${name}`, () => {
    assert.deepEqual(checkDescription(value, role, true), description);
    assert.deepEqual(checkDescription(value, role, false), allowed);
  });
}
for (const { name, role, value } of descriptions.json.invalid) {
  test(`bad description: ${name}`, () =>
    assert.throws(() => checkDescription(value, role, true), { name: "DescriptionError" }));
}
for (const { name, role, description, sdp } of descriptions.template) {
  test(`template of an ${role}: ${name}`, () => assert.equal(toSdp(description), sdp));
}
