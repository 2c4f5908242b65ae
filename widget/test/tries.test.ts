import assert from "node:assert/strict";
import { test } from "node:test";
import { Tries } from "../src/face/tries.js";

test("what fails is tried again, later and later, and in the end never", () => {
  const tries = new Tries();
  const waits: number[] = [];
  let now = 0;
  for (let count = 1; count < 20; count += 1) {
    assert.ok(tries.due(now));
    tries.failed(now, 1);
    const wait = [1, 2, 4, 8, 16, 32, 60].map((seconds) => seconds * 1_000).find((ms) => tries.due(now + ms)) ?? Infinity;
    assert.ok(!tries.due(now + wait - 1));
    waits.push(wait / 1_000);
    now += wait;
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, ...Array<number>(13).fill(60)]);
  tries.failed(now, 1);
  assert.ok(!tries.due(Number.MAX_VALUE));
});

test("what cannot be helped by another try gets none", () => {
  const tries = new Tries();
  tries.giveUp();
  assert.ok(!tries.due(Number.MAX_VALUE));
});
