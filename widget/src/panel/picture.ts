/** The living picture: this computer, the wall, bridges with their lanes, and the newsroom behind them. */

import { draw } from "../face/dom.js";
import type { Bridge, Snapshot } from "./model.js";

const WIDTH = 640;
const HOME_X = 56;
const WALL_X = 210;
const BRIDGE_X = 400;
const GOAL_X = 588;
const ROW = 84;
const LEAST_HEIGHT = 168;
/** What can be told apart; further ones are in the words beneath. */
const MOST_BRIDGES = 6;
const MOST_LANES = 16;
/** Less is an answer to something, not data. */
const FLOWS_BPS = 2_000;

export interface PlacedLane {
  readonly path: string;
  readonly flow: "none" | "in" | "out" | "silent";
  /** How long a mark takes from end to end, in seconds. */
  readonly seconds: number;
}

export interface PlacedBridge {
  readonly number: number;
  readonly y: number;
  readonly lanes: readonly PlacedLane[];
  /** From the bridge on to the newsroom. */
  readonly onward: PlacedLane;
}

export interface Layout {
  readonly height: number;
  readonly middle: number;
  readonly bridges: readonly PlacedBridge[];
}

/** Where everything stands. Pure. */
export function layout(bridges: readonly Bridge[]): Layout {
  const shown = bridges.slice(0, MOST_BRIDGES);
  const height = Math.max(LEAST_HEIGHT, shown.length * ROW);
  const middle = height / 2;
  return {
    height,
    middle,
    bridges: shown.map(({ number, lanes }, index) => {
      const y = middle + (index - (shown.length - 1) / 2) * ROW;
      const some = lanes.slice(0, MOST_LANES);
      const spread = Math.min(9, 60 / Math.max(1, some.length));
      const placed = some.map((lane, at): PlacedLane => {
        const off = (at - (some.length - 1) / 2) * spread;
        const down = lane.down_bps >= lane.up_bps;
        const rate = Math.max(lane.down_bps, lane.up_bps);
        return {
          path: curve(HOME_X + 34, middle + off * 0.6, BRIDGE_X - 22, y + off * 0.5),
          flow: lane.is_silent ? "silent" : rate < FLOWS_BPS ? "none" : down ? "in" : "out",
          seconds: pace(rate),
        };
      });
      const down = lanes.reduce((sum, lane) => sum + lane.down_bps, 0);
      const up = lanes.reduce((sum, lane) => sum + lane.up_bps, 0);
      const rate = Math.max(down, up);
      return {
        number,
        y,
        lanes: placed,
        onward: {
          path: curve(BRIDGE_X + 22, y, GOAL_X - 30, middle),
          flow: rate < FLOWS_BPS ? "none" : down >= up ? "in" : "out",
          seconds: pace(rate),
        },
      };
    }),
  };
}

/** Ten times the rate is a second faster. */
function pace(bps: number): number {
  return Math.round(Math.max(0.8, 7.5 - Math.log10(Math.max(bps, 1))) * 10) / 10;
}

function curve(fromX: number, fromY: number, toX: number, toY: number): string {
  const bend = (toX - fromX) / 2;
  const [a, b] = [Math.round(fromY * 10) / 10, Math.round(toY * 10) / 10];
  return `M${fromX} ${a}C${fromX + bend} ${a} ${toX - bend} ${b} ${toX} ${b}`;
}

/** Draws into one SVG element, which it keeps. */
export class Picture {
  readonly element = draw("svg", { class: "picture", role: "img", viewBox: `0 0 ${WIDTH} ${LEAST_HEIGHT}` });
  #shape = "";
  #lanes: SVGElement[] = [];

  /** What it shows, for who cannot see it. */
  set label(text: string) {
    if (this.element.getAttribute("aria-label") !== text) this.element.setAttribute("aria-label", text);
  }

  render({ state, bridges }: Snapshot): void {
    const made = layout(bridges);
    const shape = JSON.stringify([state, made.bridges.map(({ number, lanes }) => [number, lanes.length])]);
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#draw(state, made);
    }
    const lanes = made.bridges.flatMap((bridge) => [...bridge.lanes, bridge.onward]);
    for (const [index, element] of this.#lanes.entries()) {
      const lane = lanes[index];
      if (!lane) continue;
      // An animation begins anew when it is written again.
      if (element.dataset["flow"] !== lane.flow) element.dataset["flow"] = lane.flow;
      const seconds = `${lane.seconds}s`;
      if (element.style.getPropertyValue("--pace") !== seconds) element.style.setProperty("--pace", seconds);
    }
  }

  #draw(state: string, { height, middle, bridges }: Layout): void {
    this.element.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
    this.element.dataset["state"] = state;
    this.#lanes = [];
    const lane = ({ path }: PlacedLane): SVGElement => {
      const drawn = draw("g", { class: "lane" }, draw("path", { class: "way", d: path }), draw("path", { class: "flow", d: path }));
      this.#lanes.push(drawn);
      return drawn;
    };
    const ways = bridges.flatMap((bridge) => [...bridge.lanes.map(lane), lane(bridge.onward)]);
    this.element.replaceChildren(
      wall(height),
      ...ways,
      ...(bridges.length > 0 ? bridges.map(({ y }) => person(y)) : nobody(middle)),
      computer(middle),
      newsroom(middle),
    );
  }
}

function wall(height: number): SVGElement {
  const rows: string[] = [];
  for (let y = 0, row = 0; y < height; y += 14, row += 1) {
    rows.push(`M${WALL_X - 18} ${y}h36`);
    rows.push(row % 2 === 0 ? `M${WALL_X} ${y}v14` : `M${WALL_X - 9} ${y}v14M${WALL_X + 9} ${y}v14`);
  }
  return draw(
    "g",
    { class: "barrier" },
    draw("rect", { x: String(WALL_X - 18), y: "0", width: "36", height: String(height), rx: "5" }),
    draw("path", { d: rows.join("") }),
  );
}

function computer(y: number): SVGElement {
  return draw(
    "g",
    { class: "end", transform: `translate(${HOME_X} ${y})` },
    draw("rect", { x: "-30", y: "-26", width: "60", height: "40", rx: "5" }),
    draw("path", { d: "M-12 24h24M0 14v10" }),
  );
}

function newsroom(y: number): SVGElement {
  return draw(
    "g",
    { class: "end", transform: `translate(${GOAL_X} ${y})` },
    draw("rect", { x: "-26", y: "-30", width: "52", height: "60", rx: "5" }),
    draw("path", { d: "M-16 -18h32M-16 -6h14v16h-14zM6 -6h10M6 2h10M6 10h10M-16 20h32" }),
  );
}

function person(y: number): SVGElement {
  return draw(
    "g",
    { class: "bridge", transform: `translate(${BRIDGE_X} ${y})` },
    draw("circle", { r: "22" }),
    draw("path", { d: "M-11 12V1a11 11 0 0 1 22 0v11z" }),
  );
}

/** Where bridges will stand. */
function nobody(middle: number): SVGElement[] {
  return [-1, 1].map((side) =>
    draw("circle", { class: "nobody", cx: String(BRIDGE_X), cy: String(middle + side * (ROW / 2)), r: "22" }),
  );
}
