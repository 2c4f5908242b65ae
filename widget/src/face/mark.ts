/** The sign of the switch: a door in a wall. It is dark while the switch is off, and light falls through it while it helps. */

import { draw } from "./dom.js";

export function mark(): SVGElement {
  return draw(
    "svg",
    { part: "mark", viewBox: "0 0 40 40", "aria-hidden": "true" },
    draw("rect", { class: "wall", width: "40", height: "40", rx: "9" }),
    draw("path", { class: "joint", d: "M0 9H40M0 18H40M0 27H40M9 0V9M31 0V9M5 9V18M35 9V18M9 18V27M31 18V27M5 27V36M35 27V36M0 36H40" }),
    draw("path", { class: "spill", d: "M13 34H27L33 40H7Z" }),
    draw("path", { class: "door", d: "M13 34V19a7 7 0 0 1 14 0V34Z" }),
    draw("circle", { class: "guest", cx: "20", cy: "22", r: "3" }),
  );
}
