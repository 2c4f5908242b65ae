import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { WORDS as ENGLISH } from "../src/extension/words/en.js";
import { Language } from "../src/words/language.js";
import { EXTENSION_LANGUAGES } from "./extension-languages.js";
import { testLanguage, texts } from "./language-checks.js";
import { LANGUAGES } from "./languages.js";

test("the extension speaks the languages of the switch, and all of them are tested", () => {
  const files = readdirSync("src/extension/words").map((name) => name.replace(/\.ts$/, ""));
  assert.deepEqual(Object.keys(EXTENSION_LANGUAGES).sort(), files.filter((name) => name !== "en" && name !== "words").sort());
  assert.deepEqual(Object.keys(EXTENSION_LANGUAGES).sort(), Object.keys(LANGUAGES).sort());
});

for (const [tag, words] of Object.entries(EXTENSION_LANGUAGES)) testLanguage("the extension", tag, texts(words), texts(ENGLISH));

test("each module says which language it is, and browsers take its name and description", () => {
  for (const [tag, words] of Object.entries({ en: ENGLISH, ...EXTENSION_LANGUAGES })) {
    assert.deepEqual([words.tag, words.direction], [tag, new Language(tag).direction]);
    assert.ok([...words.name].length <= 45, `${tag}: ${words.name}`);
    assert.ok([...words.description].length <= 132, `${tag}: ${words.description}`);
    assert.ok(words.name.startsWith("Unwalled"), tag);
    if (tag === "en") continue;
    // What was not translated would go unnoticed.
    const same = Object.entries(words).filter(([key, text]) => key !== "direction" && text === ENGLISH[key as keyof typeof ENGLISH]);
    assert.deepEqual(same, [], tag);
  }
});
