import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const CSS = readFileSync("src/look/colors.css", "utf8");

/** The custom properties of a rule. */
function palette(selector: string): Map<string, string> {
  const start = CSS.indexOf(selector);
  assert.notEqual(start, -1, selector);
  const block = CSS.slice(start, CSS.indexOf("}", start));
  return new Map([...block.matchAll(/--uw-(\w+): (#[0-9a-f]{3,6})/g)].map(([, name, value]) => [name ?? "", value ?? ""]));
}

/** Relative luminance, WCAG 2.2. */
function luminance(color: string): number {
  const digits = color.slice(1);
  const whole = digits.length === 3 ? [...digits].map((digit) => digit + digit).join("") : digits;
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const value = parseInt(whole.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const THEMES = {
  light: palette(":host {"),
  dark: palette(':host([theme="dark"]) {'),
  "the system's dark": palette(':host(:not([theme="light"], [theme="dark"])) {'),
};

for (const [theme, colors] of Object.entries(THEMES)) {
  const color = (name: string): string => colors.get(name) ?? assert.fail(`${theme} lacks ${name}`);
  for (const ground of ["paper", "tint"])
    for (const text of ["ink", "muted", "live", "wait", "warn"])
      test(`${text} can be read on ${ground} in ${theme}`, () => assert.ok(contrast(color(text), color(ground)) >= 4.5));
  // The thumb has the colour of the paper.
  for (const edge of ["rest", "live", "wait", "warn"])
    test(`${edge} can be told from the ground in ${theme}`, () => assert.ok(contrast(color(edge), color("paper")) >= 3));
  test(`the lit door can be told from its wall in ${theme}`, () => assert.ok(contrast(color("light"), color("wall")) >= 3));
}

test("both ways to the dark theme lead to the same one", () => assert.deepEqual(THEMES.dark, THEMES["the system's dark"]));
