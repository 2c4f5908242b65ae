/** What holds of the words of every language, whatever shows them. */

import assert from "node:assert/strict";
import { test } from "node:test";

export type Texts = { readonly [key: string]: string | Texts };

/** Path → text; the forms of a plural are one entry with all of them. */
export function texts(of: unknown, path = ""): Map<string, string | Texts> {
  const found = new Map<string, string | Texts>();
  for (const [key, value] of Object.entries(of as Texts)) {
    if (typeof value === "string" || "other" in value) found.set(path + key, value);
    else for (const [inner, text] of texts(value, `${path}${key}.`)) found.set(inner, text);
  }
  return found;
}

/** Tests that a language says everything that English says, with the forms and the values that it needs. */
export function testLanguage(what: string, tag: string, own: Map<string, string | Texts>, english: Map<string, string | Texts>): void {
  test(`${what} in ${tag}: everything that English says, and nothing else`, () => {
    assert.deepEqual([...own.keys()].sort(), [...english.keys()].sort());
    for (const [path, value] of own) for (const text of typeof value === "string" ? [value] : Object.values(value)) {
      assert.equal(typeof text, "string", path);
      assert.notEqual((text as string).trim(), "", path);
    }
  });

  test(`${what} in ${tag}: the forms of its own plural rules`, () => {
    const categories = new Intl.PluralRules(tag).resolvedOptions().pluralCategories.sort();
    for (const [path, value] of own) if (typeof value !== "string") assert.deepEqual(Object.keys(value).sort(), categories, path);
  });

  test(`${what} in ${tag}: every placeholder`, () => {
    for (const [path, text] of english) {
      const value = own.get(path);
      if (typeof text === "string") assert.deepEqual(placeholders(value as string), placeholders(text), path);
      // A form that is right for one number only may say it in words.
      else for (const [category, form] of Object.entries(value as Texts)) {
        const wanted = placeholders(text["other"] as string);
        const found = placeholders(form as string);
        const without = wanted.filter((one) => one !== "{count}");
        if (isOneNumber(tag, category as Intl.LDMLPluralRule) && !found.includes("{count}")) assert.deepEqual(found, without, path);
        else assert.deepEqual(found, wanted, path);
      }
    }
  });
}

function placeholders(text: string): string[] {
  return [...new Set(text.match(/\{\w+\}/g))].sort();
}

/** Whether a category holds but one whole number, as "one" does in English, but not in Russian (1, 21, 31…). */
function isOneNumber(tag: string, category: Intl.LDMLPluralRule): boolean {
  const rules = new Intl.PluralRules(tag);
  let count = 0;
  for (let number = 0; number <= 200; number += 1) if (rules.select(number) === category) count += 1;
  return count === 1;
}
