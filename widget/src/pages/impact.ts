/**
 * A picture of what one volunteer has done, to keep or to share. The numbers come in the fragment of the address, which is sent to
 * nobody, and the picture is drawn on this device.
 */

import { arc, HEIGHT, land, middle, WIDTH, YOU } from "../picture/map.js";
import { fill, Language } from "../words/language.js";
import type { Forms } from "../words/words.js";
import { deedsOf, type Deeds } from "./deeds.js";
import { byId, operatorUrl } from "./page.js";

const FONT = "system-ui, sans-serif";
const [INK, SOFT, LIVE, NIGHT, LAND] = ["#f4f8fb", "#b6c4cf", "#4fdca8", "#0d1a24", "#2b3f4d"];
const EDGE = 72;

const box = byId("picture");
const canvas = byId<HTMLCanvasElement>("canvas");
const language = new Language(document.documentElement.lang);
const said = (name: string): string => box.dataset[name] ?? "";

/** The lines of the picture, the first one large. */
function lines({ people, bytes, seconds, countries }: Deeds): readonly string[] {
  const forms = JSON.parse(said("people")) as Forms<"other">;
  const names = new Intl.ListFormat(language.tag).format(countries.map((code) => language.country(code)));
  return [
    language.count(forms, people),
    ...(bytes > 0 ? [fill(said("carried"), { amount: language.bytes(bytes) })] : []),
    ...(seconds >= 60 ? [fill(said("time"), { time: language.duration(seconds) })] : []),
    ...(countries.length > 0 ? [fill(said("from"), { countries: names })] : []),
  ];
}

function draw(paint: CanvasRenderingContext2D, deeds: Deeds): void {
  const { width, height } = canvas;
  paint.reset();
  paint.fillStyle = NIGHT;
  paint.fillRect(0, 0, width, height);
  drawMap(paint, deeds.countries);
  const start = language.direction === "rtl" ? width - EDGE : EDGE;
  paint.direction = language.direction;
  paint.textAlign = "start";
  paint.textBaseline = "top";
  const [first = "", ...others] = lines(deeds);
  let y = EDGE;
  y = write(paint, first, { x: start, y, size: 68, weight: 750, colour: INK });
  y += 20;
  for (const line of others) y = write(paint, line, { x: start, y, size: 34, weight: 500, colour: SOFT }) + 6;
  const end = height - EDGE - 34;
  write(paint, said("invite"), { x: start, y: end - 46, size: 30, weight: 500, colour: SOFT });
  // An address is written from left to right in every language.
  paint.direction = "ltr";
  paint.textAlign = language.direction === "rtl" ? "right" : "left";
  write(paint, operatorUrl().replace(/^https?:\/\//, ""), { x: start, y: end, size: 34, weight: 650, colour: LIVE });
}

function drawMap(paint: CanvasRenderingContext2D, countries: readonly string[]): void {
  const scale = canvas.width / WIDTH;
  paint.save();
  paint.translate(0, canvas.height - HEIGHT * scale + 60);
  paint.scale(scale, scale);
  paint.lineCap = "round";
  paint.lineWidth = 1.7;
  paint.strokeStyle = LAND;
  paint.stroke(new Path2D(land()));
  paint.strokeStyle = paint.fillStyle = LIVE;
  for (const place of countries.map(middle)) {
    if (!place) continue;
    paint.globalAlpha = 0.5;
    paint.lineWidth = 0.9;
    paint.stroke(new Path2D(arc(place)));
    paint.globalAlpha = 1;
    dot(paint, place.x, place.y, 2.4);
  }
  if (countries.length > 0) dot(paint, YOU.x, YOU.y, 3);
  paint.restore();
}

function dot(paint: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  paint.beginPath();
  paint.arc(x, y, radius, 0, 2 * Math.PI);
  paint.fill();
}

interface Writing {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly weight: number;
  readonly colour: string;
}

/** Writes a text, in several lines where it is too long, and gives where the next may begin. */
function write(paint: CanvasRenderingContext2D, text: string, { x, y, size, weight, colour }: Writing): number {
  paint.font = `${weight} ${size}px ${FONT}`;
  paint.fillStyle = colour;
  // A dark edge keeps letters apart from the map behind them.
  paint.strokeStyle = NIGHT;
  paint.lineWidth = size / 5;
  paint.lineJoin = "round";
  let below = y;
  for (const line of wrapped(text, (part) => paint.measureText(part).width <= canvas.width - 2 * EDGE)) {
    paint.strokeText(line, x, below);
    paint.fillText(line, x, below);
    below += size * 1.25;
  }
  return below;
}

function wrapped(text: string, fits: (text: string) => boolean): string[] {
  const found: string[] = [];
  // Chinese and Burmese have no spaces between words; the browser knows where a line may end.
  const pieces = [...new Intl.Segmenter(language.tag, { granularity: "word" }).segment(text)].map(({ segment }) => segment);
  let line = "";
  for (const piece of pieces) {
    if (line !== "" && piece.trim() !== "" && !/^\p{P}/u.test(piece) && !fits(line + piece)) {
      found.push(line.trim());
      line = "";
    }
    line += piece;
  }
  return [...found, line.trim()];
}

function picture(): Promise<Blob> {
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("No picture."))), "image/png"));
}

async function download(): Promise<void> {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await picture());
  link.download = "unwalled.png";
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function share(): Promise<void> {
  const files = [new File([await picture()], "unwalled.png", { type: "image/png" })];
  const what = { files, text: `${said("share")} ${operatorUrl()}/` };
  if (!("canShare" in navigator) || !navigator.canShare(what)) {
    byId("told").textContent = said("not");
    return;
  }
  // Who closes the list of ways has changed their mind, which is no failure.
  await navigator.share(what).catch(() => {});
}

function show(): void {
  const told = deedsOf(location.hash);
  const deeds = told && { ...told, countries: told.countries.filter((code) => middle(code) !== undefined) };
  byId("none").hidden = deeds !== undefined;
  box.hidden = deeds === undefined;
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".languages a")) link.hash = location.hash;
  const paint = canvas.getContext("2d");
  if (!deeds || !paint) return;
  draw(paint, deeds);
  byId("says").textContent = lines(deeds).join(" · ");
}

byId("download").addEventListener("click", () => void download());
byId("share").addEventListener("click", () => void share());
addEventListener("hashchange", show);
show();
