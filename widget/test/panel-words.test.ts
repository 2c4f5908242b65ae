import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { WORDS as ENGLISH } from "../src/panel/words/en.js";
import { testLanguage, texts } from "./language-checks.js";
import { LANGUAGES } from "./languages.js";
import { PANEL_LANGUAGES } from "./panel-languages.js";

const SNAPSHOT = readFileSync("../src/unwalled/app/snapshot.py", "utf8");

/** The values of an enumeration in the program. */
function values(source: string, name: string): string[] {
  const start = source.indexOf(`class ${name}(StrEnum):`);
  assert.notEqual(start, -1, name);
  const body = source.slice(start).split(/\n\n\n/)[0] ?? "";
  return [...body.matchAll(/^    [A-Z_]+ = "([a-z-]+)"$/gm)].map(([, value]) => value ?? "");
}

test("the panel speaks the languages of the switch, and all of them are tested", () => {
  const files = readdirSync("src/panel/words").map((name) => name.replace(/\.ts$/, ""));
  assert.deepEqual(Object.keys(PANEL_LANGUAGES).sort(), files.filter((name) => name !== "en" && name !== "words").sort());
  assert.deepEqual(Object.keys(PANEL_LANGUAGES).sort(), Object.keys(LANGUAGES).sort());
});

test("there are words for every state and every trouble of the program", () => {
  assert.deepEqual(Object.keys(ENGLISH.states).sort(), values(SNAPSHOT, "State").sort());
  const troubles = values(SNAPSHOT, "Trouble").filter((trouble) => trouble !== "none");
  assert.ok(troubles.length > 10);
  assert.deepEqual(Object.keys(ENGLISH.troubles).filter((trouble) => trouble !== "unknown").sort(), troubles.sort());
});

for (const [tag, words] of Object.entries(PANEL_LANGUAGES)) testLanguage("the panel", tag, texts(words), texts(ENGLISH));

test("what is written for machines is the same in every language", () => {
  for (const [tag, words] of Object.entries(PANEL_LANGUAGES)) {
    for (const [path, english] of texts(ENGLISH)) {
      const own = texts(words).get(path);
      if (typeof english !== "string" || typeof own !== "string") continue;
      for (const word of ["uw1.", "unwalled connect", "UDP", "SOCKS5", "HTTP", "GFWList", "203.0.113.0/24", "*.example.org"]) {
        assert.equal(own.includes(word), english.includes(word), `${tag} ${path} ${word}`);
      }
    }
  }
});
