import assert from "node:assert/strict";
import { createHash, webcrypto } from "node:crypto";
import { test } from "node:test";
import { commandFor, inviteIn, judge } from "../src/pages/invite.js";

const body = Buffer.alloc(150, 7);
const invite = `uw1.${Buffer.concat([body, createHash("sha256").update(body).digest().subarray(0, 4)]).toString("base64url")}`;
const subtle = webcrypto.subtle as unknown as SubtleCrypto;

test("a whole invite is told from a damaged one and from none", async () => {
  assert.equal(await judge(`#${invite}`, subtle), "whole");
  assert.equal(await judge(`#${invite}`, undefined), "whole");
  assert.equal(await judge("", subtle), "none");
  assert.equal(await judge("#", subtle), "none");
  for (const bad of [invite.slice(0, -2), invite.replace("BwcH", "BwcI"), `${invite}A`, "#uw1.", "#hello", `${invite};x`, `uw3${invite.slice(3)}`]) {
    assert.equal(await judge(`#${bad}`, subtle), "damaged", bad);
  }
});

test("the command holds the invite and nothing else", () => {
  assert.equal(inviteIn(`#${invite}`), invite);
  assert.equal(inviteIn(`#${invite}$(x)`), undefined);
  assert.equal(commandFor(invite), `unwalled connect ${invite}`);
});
