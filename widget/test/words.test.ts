import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";

import { DETAILS } from "../src/words/en-details.js";
import { SWITCH } from "../src/words/en.js";
import { choose, fill, Language } from "../src/words/language.js";
import { LANGUAGES } from "./languages.js";

type Texts = { readonly [key: string]: string | Texts };

/** Path → text; the forms of a plural are one entry with all of them. */
function texts(of: Texts, path = ""): Map<string, string | Texts> {
  const found = new Map<string, string | Texts>();
  for (const [key, value] of Object.entries(of)) {
    if (typeof value === "string" || "other" in value) found.set(path + key, value);
    else for (const [inner, text] of texts(value, `${path}${key}.`)) found.set(inner, text);
  }
  return found;
}

function placeholders(text: string): string[] {
  return [...new Set(text.match(/\{\w+\}/g))].sort();
}

const ENGLISH = texts({ switch: SWITCH, details: DETAILS } as unknown as Texts);

test("every language is tested here", () => {
  const others = ["en", "en-details", "language", "words"];
  const files = readdirSync("src/words").map((name) => name.replace(/\.ts$/, ""));
  assert.deepEqual(Object.keys(LANGUAGES).sort(), files.filter((name) => !others.includes(name)).sort());
});

for (const [tag, words] of Object.entries(LANGUAGES)) {
  const own = texts(words as unknown as Texts);

  test(`${tag} says everything that English says, and nothing else`, () => {
    assert.deepEqual([...own.keys()].sort(), [...ENGLISH.keys()].sort());
    for (const [path, value] of own) for (const text of typeof value === "string" ? [value] : Object.values(value)) {
      assert.equal(typeof text, "string", path);
      assert.notEqual((text as string).trim(), "", path);
    }
  });

  test(`${tag} has the forms of its own plural rules`, () => {
    const categories = new Intl.PluralRules(tag).resolvedOptions().pluralCategories.sort();
    for (const [path, value] of own) if (typeof value !== "string") assert.deepEqual(Object.keys(value).sort(), categories, path);
  });

  test(`${tag} has every placeholder`, () => {
    for (const [path, english] of ENGLISH) {
      const value = own.get(path);
      if (typeof english === "string") assert.deepEqual(placeholders(value as string), placeholders(english), path);
      // A form that is right for one number only may say it in words.
      else for (const [category, text] of Object.entries(value as Texts)) {
        const wanted = placeholders(english["other"] as string);
        const found = placeholders(text as string);
        const without = wanted.filter((one) => one !== "{count}");
        if (isOneNumber(tag, category as Intl.LDMLPluralRule) && !found.includes("{count}")) assert.deepEqual(found, without, path);
        else assert.deepEqual(found, wanted, path);
      }
    }
  });
}

/** Whether a category holds but one whole number, as "one" does in English, but not in Russian (1, 21, 31…). */
function isOneNumber(tag: string, category: Intl.LDMLPluralRule): boolean {
  const rules = new Intl.PluralRules(tag);
  let count = 0;
  for (let number = 0; number <= 200; number += 1) if (rules.select(number) === category) count += 1;
  return count === 1;
}

test("a count takes its form", () => {
  const english = new Language("en");
  assert.equal(english.count(SWITCH.helping, 1), "Helping one person right now.");
  assert.equal(english.count(SWITCH.helping, 1234), "Helping 1,234 people right now.");
  const arabic = new Language("ar");
  const forms = { zero: "0", one: "1", two: "2", few: "few {count}", many: "many", other: "other" };
  assert.deepEqual([0, 1, 2, 11, 100].map((count) => arabic.count(forms, count)), ["0", "1", "2", "many", "other"]);
});

test("a value takes its place, an unknown place stays", () => {
  assert.equal(fill("{a} and {b} and {a}", { a: "1" }), "1 and {b} and 1");
});

test("bytes are told in the unit that fits", () => {
  const english = new Language("en");
  assert.equal(english.bytes(400), "0 kB");
  assert.equal(english.bytes(12_345), "12 kB");
  assert.equal(english.bytes(3_210_000), "3.2 MB");
  assert.equal(english.bytes(9_999_000_000_000_000), "9,999 TB");
  assert.match(new Language("de").bytes(3_210_000), /^3,2\sMB$/);
});

const AVAILABLE = ["en", "de", "zh-Hans", "zh-Hant", "pt", "fa", "ar", "be"];
const CHOICES: readonly (readonly [wished: readonly string[], chosen: string])[] = [
  [["de"], "de"],
  [["de-AT"], "de"],
  [["DE_ch"], "de"],
  [["zh"], "zh-Hans"],
  [["zh-TW"], "zh-Hant"],
  [["zh-HK"], "zh-Hant"],
  [["zh-Hant-MO"], "zh-Hant"],
  [["zh-CN"], "zh-Hans"],
  [["pt-BR"], "pt"],
  [["fa-AF"], "fa"],
  [["it", "de"], "de"],
  [["it"], "en"],
  [["en-GB", "de"], "en"],
  [["", "no tag", "x", "de"], "de"],
  [[], "en"],
];
for (const [wished, chosen] of CHOICES) test(`who wishes ${wished.join(", ") || "nothing"} gets ${chosen}`, () => assert.equal(choose(wished, AVAILABLE), chosen));
