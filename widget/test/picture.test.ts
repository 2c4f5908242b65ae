import assert from "node:assert/strict";
import { test } from "node:test";
import { arc, HEIGHT, land, middle, WIDTH, YOU } from "../src/picture/map.js";

test("the middles of countries lie where the countries do", () => {
  const known = Object.fromEntries(["IR", "CN", "RU", "US", "BR", "AU", "BY", "TR", "MM"].map((code) => [code, middle(code)]));
  const east = (a: string, b: string): void => assert.ok((known[a]?.x ?? 0) > (known[b]?.x ?? 0), `${a} is east of ${b}`);
  const north = (a: string, b: string): void => assert.ok((known[a]?.y ?? 0) < (known[b]?.y ?? 0), `${a} is north of ${b}`);
  east("IR", "TR");
  east("CN", "IR");
  east("TR", "BR");
  east("BR", "US");
  north("RU", "CN");
  north("BY", "TR");
  north("IR", "AU");
  north("MM", "AU");
});

test("every country that browsers have a name for and that has people is on the map, inside of it", () => {
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
  const codes = letters.flatMap((first) => letters.map((second) => first + second)).filter((code) => names.of(code) !== undefined);
  const places = codes.map((code) => middle(code)).filter((place) => place !== undefined);
  assert.ok(places.length > 230);
  for (const { x, y } of places) assert.ok(x >= 0 && x <= WIDTH && y >= 0 && y < YOU.y);
});

for (const code of ["", "ir", "IRN", "XX", "AB", "I", "\u0131R"]) {
  test(`${JSON.stringify(code)} is nowhere`, () => assert.equal(middle(code), undefined));
}

test("a line leads from the country to the visitor and stays on the map", () => {
  for (const code of ["IR", "NZ", "CL", "IS", "KI"]) {
    const place = middle(code);
    assert.ok(place);
    const [fromX, fromY, bendX, bendY, toX, toY] = arc(place).match(/-?[\d.]+/g)?.map(Number) ?? [];
    assert.deepEqual([fromX, fromY, toX, toY], [place.x, place.y, YOU.x, YOU.y]);
    assert.ok((bendX ?? -1) >= 0 && (bendX ?? 999) <= WIDTH && (bendY ?? -1) >= 0 && (bendY ?? 999) <= HEIGHT);
  }
});

test("land is where it is, and sea where it is not", () => {
  const dots = land().split("M").slice(1).map((dot) => dot.replace("h0", "").split(" ").map(Number));
  const near = (code: string): number => {
    const { x, y } = middle(code) ?? { x: -999, y: -999 };
    return dots.filter(([dotX = 0, dotY = 0]) => Math.hypot(dotX - x, dotY - y) < 8).length;
  };
  for (const code of ["IR", "CN", "RU", "US", "BR", "DZ", "AU"]) assert.ok(near(code) >= 15, `${code} has land`);
  // In the middle of the Pacific and of the Atlantic.
  for (const [x, y] of [[20, 100], [139, 75]] as const) {
    assert.equal(dots.filter(([dotX = 0, dotY = 0]) => Math.hypot(dotX - x, dotY - y) < 8).length, 0);
  }
});
