import assert from "node:assert/strict";
import { test } from "node:test";

import { Api, Refused } from "../src/admin/api.js";
import { standing } from "../src/admin/invites.js";
import { band, line, moments, scale, ticks } from "../src/admin/plot.js";
import { ago, bytes, count, country, mean, percent, plural, rate, refusal, seconds, sorted, span, word } from "../src/admin/say.js";

/** An API over answers that the test gives. */
function api(...answers: readonly (Response | Error)[]): { readonly api: Api; readonly asked: [string, RequestInit][] } {
  const asked: [string, RequestInit][] = [];
  const left = [...answers];
  const fetch = async (input: string, init: RequestInit): Promise<Response> => {
    asked.push([input, init]);
    const next = left.shift();
    if (next === undefined || next instanceof Error) throw next ?? new Error("Nothing more was to be asked.");
    return next;
  };
  return { api: new Api(fetch), asked };
}

test("what is read has no header of its own, what is changed has one that no other site can send", async () => {
  const one = api(Response.json({ at_s: 1 }), Response.json({ id: "a" }, { status: 201 }), Response.json({ id: "0123" }));
  assert.deepEqual(await one.api.get("live"), { at_s: 1 });
  await one.api.post("invites", { label: "choir" });
  assert.deepEqual(await one.api.post("invites/0123/revoke"), { id: "0123" });
  assert.deepEqual(one.asked.map(([path, { method }]) => [method, path]), [
    ["GET", "admin/api/v1/live"],
    ["POST", "admin/api/v1/invites"],
    ["POST", "admin/api/v1/invites/0123/revoke"],
  ]);
  assert.deepEqual(one.asked.map(([, { headers }]) => headers), [
    {},
    { "X-Unwalled-Admin": "1", "Content-Type": "application/json" },
    { "X-Unwalled-Admin": "1" },
  ]);
  for (const [, init] of one.asked) assert.deepEqual([init.cache, init.credentials, init.redirect], ["no-store", "same-origin", "error"]);
});

test("a refusal has the operator's words", async () => {
  const problem = { title: "Conflict", status: 409, detail: "The book is full.", remedy: "Withdraw some." };
  const { api: one } = api(Response.json(problem, { status: 409 }), new Response("no", { status: 502 }), new Error("offline"));
  await assert.rejects(one.post("invites", {}), (error: Refused) => error.status === 409 && error.message === "The book is full." && error.remedy === "Withdraw some.");
  await assert.rejects(one.get("live"), (error: Refused) => error.status === 502 && error.message.includes("502"));
  await assert.rejects(one.get("live"), (error: Refused) => error.status === 0 && error.message === "The operator does not answer.");
});

test("a token is sent as JSON and never in an address", async () => {
  const { api: one, asked } = api(new Response(null, { status: 204 }), new Response(null, { status: 204 }));
  await one.logIn("uwadmin1.secret");
  await one.logOut();
  assert.deepEqual(asked.map(([path]) => path), ["admin/login", "admin/logout"]);
  assert.equal(asked[0]?.[1].body, '{"token":"uwadmin1.secret"}');
});

test("numbers are written short and never as more than they are", () => {
  assert.deepEqual([count(null), count(1234), mean(0.4), mean(3), mean(12.6)], ["–", "1,234", "0.4", "3", "13"]);
  assert.deepEqual([percent(null), percent(1), percent(0.9996), percent(0.995), percent(0.5), percent(0)], ["–", "100 %", "99.9 %", "99.5 %", "50 %", "0 %"]);
  assert.deepEqual([seconds(null), seconds(0.454), seconds(1.25), seconds(2)], ["–", "454 ms", "1.3 s", "2 s"]);
  assert.deepEqual([bytes(null), bytes(999), bytes(5e9), bytes(1.44e12), rate(0), rate(12_300_000)], ["–", "999 B", "5 GB", "1.4 TB", "0 bit/s", "12 Mbit/s"]);
  assert.deepEqual([span(5), span(60), span(7300), span(90_000)], ["5 seconds", "1 minute", "2 hours", "1 day"]);
  assert.deepEqual([ago(100, 130), ago(100, 400)], ["just now", "for 5 minutes"]);
  assert.deepEqual([plural(1, "lane"), plural(0, "lane"), plural(3, "lane")], ["1 lane", "0 lanes", "3 lanes"]);
});

test("codes become words, and unknown ones stay readable", () => {
  assert.equal(country("DE"), "Germany");
  assert.equal(country("other"), "Elsewhere, or not known");
  assert.equal(country("nonsense"), "nonsense");
  assert.equal(word("limited"), "Asked too often");
  assert.equal(word("of_tomorrow"), "of tomorrow");
  assert.notEqual(refusal("failed"), word("failed"));
  assert.equal(refusal("busy"), word("busy"));
  assert.deepEqual(sorted({ a: 1, other: 9, b: 3, c: 1 }).map(([name]) => name), ["b", "a", "c", "other"]);
});

test("a scale has round steps and reaches its end", () => {
  assert.deepEqual(ticks(0), [0, 1]);
  assert.deepEqual(ticks(1), [0, 0.5, 1]);
  assert.deepEqual(ticks(229), [0, 100, 200, 300]);
  assert.deepEqual(ticks(0.3), [0, 0.1, 0.2, 0.3]);
  for (let most = 0.013; most < 1e13; most *= 1.7) {
    const made = ticks(most);
    assert.ok(made.length >= 3 && made.length <= 6, `${most}: ${made.join()}`);
    assert.ok((made.at(-1) ?? 0) >= most * 0.999);
  }
  assert.deepEqual([scale(0, 10, 100, 0)(5), scale(3, 3, 0, 8)(3)], [50, 0]);
});

test("moments stand on whole hours and days of the place where one is", () => {
  const day = 86_400;
  assert.deepEqual(moments(0, day, 6, 0), [0, 14_400, 28_800, 43_200, 57_600, 72_000, 86_400]);
  // Two hours ahead of UTC, midnight is at 22:00 UTC.
  assert.equal((moments(1_800_000_000, 1_800_000_000 + 31 * day, 10, 7200)[0] ?? 0) % day, day - 7200);
  for (const most of [2, 5, 12]) for (const length of [day, 31 * day, 366 * day, 5000 * day]) assert.ok(moments(0, length, most, 3600).length <= (length > 4000 * day ? 15 : most + 1));
});

test("a line breaks where nothing is known, and one moment alone can be seen", () => {
  const at = (x: number, y: number) => ({ x, y });
  assert.equal(line([at(0, 1), at(2, 3.14159), null, at(5, 5)]), "M0 1L2 3.1M4 5h2");
  assert.equal(line([null, null]), "");
  assert.equal(band([at(0, 1), at(2, 1), null, at(9, 9)], [at(0, 5), at(2, 5), at(4, 5), at(9, 9)]), "M0 1L2 1L2 5L0 5Z");
});

test("how an invite stands is told in a word", () => {
  const invite = { id: "a", label: "", created: 0, expires: 0, revoked: false, is_over: false };
  assert.equal(standing(invite), "no end");
  assert.match(standing({ ...invite, expires: 1_800_000_000 }), /^until Jan 1\d, 2027$/);
  assert.equal(standing({ ...invite, expires: 5, is_over: true }), "over");
  assert.equal(standing({ ...invite, revoked: true, is_over: true }), "withdrawn");
});
