// The extension's pictures, drawn here: a door in a wall, as the switch shows it. Stores and toolbars want PNG.

import { crc32 } from "./zip.mjs";

const WALL = { off: [0x66, 0x73, 0x7f], waiting: [0x1d, 0x5f, 0xa8], helping: [0x0b, 0x7a, 0x53], trouble: [0xa3, 0x44, 0x0a] };
const CLEAR = [0, 0, 0, 0];
const DARK = [0x0d, 0x14, 0x1b];
const LIGHT = [0xff, 0xe9, 0xa8];
const WHITE = [0xff, 0xff, 0xff];
const SAMPLES = 4;

export const PICTURES = Object.keys(WALL);

/** The colour at a point of a square of 40 by 40. */
function colour(picture, x, y) {
  const lit = picture === "helping";
  if ((x - 20) ** 2 + (y - 22) ** 2 < 12 && lit) return DARK;
  const inArch = y < 19 ? (x - 20) ** 2 + (y - 19) ** 2 < 64 : Math.abs(x - 20) < 8 && y < 34;
  if (inArch) return lit ? LIGHT : picture === "off" ? DARK : WHITE;
  if (lit && y >= 34 && y < 40 && Math.abs(x - 20) < 8 + (y - 34)) return LIGHT;
  const [dx, dy] = [Math.max(9 - x, x - 31, 0), Math.max(9 - y, y - 31, 0)];
  return dx * dx + dy * dy < 81 ? WALL[picture] : CLEAR;
}

function pixel(picture, size, column, row) {
  const sum = [0, 0, 0];
  let covered = 0;
  for (let index = 0; index < SAMPLES * SAMPLES; index += 1) {
    const x = ((column + ((index % SAMPLES) + 0.5) / SAMPLES) * 40) / size;
    const y = ((row + (Math.floor(index / SAMPLES) + 0.5) / SAMPLES) * 40) / size;
    const found = colour(picture, x, y);
    if (found === CLEAR) continue;
    covered += 1;
    for (let channel = 0; channel < 3; channel += 1) sum[channel] += found[channel];
  }
  if (covered === 0) return CLEAR;
  return [...sum.map((value) => Math.round(value / covered)), Math.round((covered * 255) / (SAMPLES * SAMPLES))];
}

/** A picture as PNG, with a palette. The pixels are not compressed, so that every machine makes the same bytes. */
export function draw(picture, size) {
  const palette = new Map();
  const rows = [];
  for (let row = 0; row < size; row += 1) {
    rows.push(0);
    for (let column = 0; column < size; column += 1) {
      const rgba = pixel(picture, size, column, row);
      const key = rgba.join();
      if (!palette.has(key)) palette.set(key, { index: palette.size, rgba });
      rows.push(palette.get(key).index);
    }
  }
  if (palette.size > 256) throw new Error(`The picture ${picture} has too many colours.`);
  const colours = [...palette.values()].map(({ rgba }) => rgba);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(colours.flatMap(([red, green, blue]) => [red, green, blue]))),
    chunk("tRNS", Buffer.from(colours.map(([, , , alpha]) => alpha))),
    chunk("IDAT", stored(Buffer.from(rows))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}

/** A zlib stream of stored blocks (RFC 1950, RFC 1951 section 3.2.4). */
function stored(data) {
  const blocks = [Buffer.from([0x78, 0x01])];
  for (let at = 0; at < data.length; at += 65_535) {
    const part = data.subarray(at, at + 65_535);
    const head = Buffer.alloc(5);
    head[0] = at + part.length === data.length ? 1 : 0;
    head.writeUInt16LE(part.length, 1);
    head.writeUInt16LE(part.length ^ 0xffff, 3);
    blocks.push(head, part);
  }
  let [low, high] = [1, 0];
  for (const byte of data) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(((high << 16) | low) >>> 0, 0);
  return Buffer.concat([...blocks, sum]);
}
