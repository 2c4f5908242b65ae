// Writes src/picture/world.ts: where there is land, as a coarse grid of dots, and a middle for each country.
//
//   mkdir world && cd world
//   npm pack world-atlas@2.0.2 i18n-iso-countries@7.14.0      (Natural Earth's shapes, public domain; country codes)
//   for file in *.tgz; do tar xzf $file --one-top-level; done
//   node scripts/world.mjs world
//
// The shapes are those of Natural Earth, whose boundaries are what they are: none is drawn, only land and sea.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const folder = process.argv[2];
const read = async (path) => JSON.parse(await readFile(join(folder, path), "utf8"));
const land = await read("world-atlas-2.0.2/package/land-50m.json");
const countries = await read("world-atlas-2.0.2/package/countries-50m.json");
const codes = await read("i18n-iso-countries-7.14.0/package/codes.json");

/** TopoJSON's arcs as rings of [longitude, latitude]. */
function decoder({ arcs, transform: { scale, translate } }) {
  const lines = arcs.map((arc) => {
    let x = 0;
    let y = 0;
    return arc.map(([dx, dy]) => [(x += dx) * scale[0] + translate[0], (y += dy) * scale[1] + translate[1]]);
  });
  const ring = (indexes) => {
    const points = indexes.flatMap((index, place) => {
      const line = index < 0 ? lines[~index].toReversed() : lines[index];
      return place === 0 ? line : line.slice(1);
    });
    // Where a shape goes on beyond 180 degrees, so do its longitudes.
    let turn = 0;
    return points.map(([x, y], place) => {
      const before = points[Math.max(0, place - 1)][0];
      if (Math.abs(x - before) > 180) turn += x < before ? 360 : -360;
      return [x + turn, y];
    });
  };
  const polygons = (shape) =>
    shape.type === "Polygon" ? [shape.arcs.map(ring)] : shape.type === "MultiPolygon" ? shape.arcs.map((one) => one.map(ring)) : [];
  return polygons;
}

const inside = ([x, y], rings) => [x, x - 360, x + 360].some((turned) => insidePlain([turned, y], rings));

/** Whether a point lies inside of the rings of a polygon; holes are rings as well. */
function insidePlain([x, y], rings) {
  let odd = false;
  for (const ring of rings) {
    for (let index = 0, before = ring.length - 1; index < ring.length; before = index++) {
      const [ax, ay] = ring[index];
      const [bx, by] = ring[before];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
    }
  }
  return odd;
}

const area = (ring) =>
  ring.reduce((sum, [x, y], index) => {
    const [nx, ny] = ring[(index + 1) % ring.length];
    return sum + (x * ny - nx * y);
  }, 0) / 2;

/** The point of a grid inside of the largest part of a country that is farthest from its edge. */
function middle(polygons) {
  const [rings] = polygons.toSorted((a, b) => Math.abs(area(b[0])) - Math.abs(area(a[0])));
  const xs = rings[0].map(([x]) => x);
  const ys = rings[0].map(([, y]) => y);
  const [west, east, south, north] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  let best = [(west + east) / 2, (south + north) / 2];
  let far = -1;
  const steps = 24;
  for (let column = 0.5; column < steps; column += 1) {
    for (let row = 0.5; row < steps; row += 1) {
      const point = [west + ((east - west) * column) / steps, south + ((north - south) * row) / steps];
      if (!inside(point, rings)) continue;
      const narrow = Math.cos((point[1] * Math.PI) / 180);
      const away = Math.min(...rings[0].map(([x, y]) => Math.hypot((x - point[0]) * narrow, y - point[1])));
      if (away > far) [far, best] = [away, point];
    }
  }
  return best;
}

// Gall's stereographic projection, 360 units wide, cut where the Bering Strait is and where hardly anybody lives.
const WEST = -169;
const NORTH = 80;
const SOUTH = -56;
const RADIUS = 180 / Math.PI;
const height = (latitude) => RADIUS * (1 + Math.SQRT2) * Math.tan((latitude * Math.PI) / 360);
const project = ([longitude, latitude]) => [(longitude - WEST + 720) % 360, height(NORTH) - height(latitude)];
const unproject = ([x, y]) => [
  ((x + WEST + 540) % 360) - 180,
  (Math.atan((height(NORTH) - y) / RADIUS / (1 + Math.SQRT2)) * 360) / Math.PI,
];

// Dots in rows that are shifted by half a step, as in a honeycomb.
const STEP = 3;
const ROW = (STEP * Math.sqrt(3)) / 2;
const [COLUMNS, ROWS] = [Math.floor(360 / STEP), Math.floor(project([0, SOUTH])[1] / ROW)];
const place = (column, row) => [(column + (row % 2 === 0 ? 0.25 : 0.75)) * STEP, (row + 0.5) * ROW];

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const landPolygons = land.objects.land.geometries.flatMap(decoder(land));
let bits = "";
for (let row = 0; row < ROWS; row += 1) {
  for (let column = 0; column < COLUMNS; column += 1) {
    const point = unproject(place(column, row));
    bits += landPolygons.some((rings) => inside(point, rings)) ? "1" : "0";
  }
}
bits = bits.padEnd(Math.ceil(bits.length / 6) * 6, "0");
const dots = bits.match(/.{6}/g).map((six) => LETTERS[Number.parseInt(six, 2)]).join("");

const alpha = new Map(codes.map(([two, , numeric]) => [numeric, two]));
const decode = decoder(countries);
const found = new Map();
for (const shape of countries.objects.countries.geometries) {
  const code = alpha.get(shape.id) ?? (shape.properties.name === "Kosovo" ? "XK" : undefined);
  if (!code) continue;
  const point = middle(decode(shape));
  if (point[1] > SOUTH && !found.has(code)) found.set(code, project(point));
}
// A number below 4096 as two letters.
const two = (number) => LETTERS[number >> 6] + LETTERS[number & 63];
const whole = ([x, y]) => two(Math.max(0, Math.round(x * 10))) + two(Math.max(0, Math.round(y * 10)));
const places = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([code, place]) => code + whole(place)).join("");

const text = `/** Made by scripts/world.mjs from Natural Earth's shapes, which are in the public domain. */

/** Rows are shifted by half a step, every second one to the right. Lengths are units of the map, which is 360 wide. */
export const GRID = { columns: ${COLUMNS}, step: ${STEP}, row: ${ROW.toFixed(3)}, height: ${Math.ceil(ROWS * ROW)} } as const;

/** One bit for each place of the grid, row by row from the north, six in a letter: is there land? */
export const LAND =
  "${dots}";

/** Code of a country (ISO 3166-1), then two letters each for its middle's x and y on the map, in tenths. */
export const MIDDLES =
  "${places}";
`;
await writeFile(fileURLToPath(new URL("../src/picture/world.ts", import.meta.url)), text);
console.log(`${(bits.match(/1/g) ?? []).length} dots of land, ${found.size} countries`);
