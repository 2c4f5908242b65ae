import assert from "node:assert/strict";
import { test } from "node:test";
import { isWish, operatorUrl } from "../src/extension/messages.js";

test("an operator's address is what a person may have typed or pasted, without what is not part of it", () => {
  const same = "https://bridge.example";
  for (const typed of [same, "bridge.example", " https://bridge.example/ ", "HTTPS://Bridge.Example/?a=b#c", "https://user:word@bridge.example"]) {
    assert.equal(operatorUrl(typed), same, typed);
  }
  assert.equal(operatorUrl("https://news.example:8443/bridge//"), "https://news.example:8443/bridge");
});

test("what no encrypted server can have is no address", () => {
  for (const typed of ["", " ", "http://bridge.example", "ftp://bridge.example", "javascript://x", "https://", "two words", "wss://bridge.example"]) {
    assert.equal(operatorUrl(typed), undefined, typed);
  }
});

test("a message that is no wish is not taken for one", () => {
  for (const wish of [
    { do: "start" },
    { do: "set", wishes: { speed: null } },
    { do: "keepHelping", value: false },
    { do: "operator", value: "https://bridge.example" },
    { do: "operator", value: "" },
  ]) {
    assert.ok(isWish(wish), JSON.stringify(wish));
  }
  for (const other of [
    undefined,
    null,
    "start",
    {},
    { do: "end" },
    { do: "set" },
    { do: "set", wishes: null },
    { do: "keepNumbers", value: "yes" },
    { do: "operator" },
    { do: "operator", value: "http://bridge.example" },
    { do: "operator", value: "https://bridge.example/" },
  ]) {
    assert.ok(!isWish(other), JSON.stringify(other));
  }
});
