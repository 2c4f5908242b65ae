// Which parts the switch has beside what every page loads, and which languages there are.

import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("../src/", import.meta.url));

/** Every language has a module named by its tag. */
export async function languages(folder) {
  const files = await readdir(SOURCES + folder);
  return files.flatMap((file) => /^([a-z]{2}(-[A-Z][a-z]{3})?)\.ts$/.exec(file)?.[1] ?? []).sort();
}

/** Name of each part → its module. English is built into what needs it. */
export async function parts() {
  const found = { engine: "src/helping/engine.ts", details: "src/face/details.ts", picture: "src/picture/picture.ts" };
  for (const tag of await languages("words")) if (tag !== "en") found[`words-${tag}`] = `src/words/${tag}.ts`;
  return found;
}
