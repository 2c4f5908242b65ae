// Bundles the widget, its lazily loaded parts and the scripts of the pages, each into one minified module.
// `--check` compares with the committed files instead of writing them.

import { createHash } from "node:crypto";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bundle } from "./bundle.mjs";
import { parts } from "./parts.mjs";

const TARGET = fileURLToPath(new URL("../../src/unwalled/web/", import.meta.url));
const KIB = 1024;
const MOST_GZIP_BYTES = 15 * KIB;
const MOST_GZIP_BYTES_OF_WORDS = 6 * KIB;
const check = process.argv.includes("--check");
let failed = false;

function fail(message) {
  console.error(message);
  failed = true;
}

async function bytesOf(entry, define = {}) {
  const { outputFiles } = await bundle([entry], { define });
  return Buffer.from(outputFiles[0].contents);
}

async function put(name, built, mostBytes = MOST_GZIP_BYTES) {
  const squeezed = gzipSync(built, { level: 9 }).length;
  console.log(`${name}: ${built.length} bytes, ${squeezed} with gzip`);
  if (squeezed > mostBytes) {
    fail(`${name} may have at most ${mostBytes} bytes with gzip.`);
  } else if (!check) {
    await writeFile(TARGET + name, built);
  } else if (!built.equals(await readFile(TARGET + name).catch(() => Buffer.alloc(0)))) {
    fail(`src/unwalled/web/${name} is not what the sources give. Run \`make widget\` and commit it.`);
  }
}

const hashes = {};
for (const [name, entry] of Object.entries(await parts())) {
  const built = await bytesOf(entry);
  hashes[name] = createHash("sha384").update(built).digest("base64");
  await put(`widget-${name}.js`, built, name.startsWith("words-") ? MOST_GZIP_BYTES_OF_WORDS : MOST_GZIP_BYTES);
}
await put("widget.js", await bytesOf("src/widget.ts", { UNWALLED_PARTS: JSON.stringify(hashes) }));
for (const page of ["add", "embed", "impact", "read", "window"]) await put(`${page}.js`, await bytesOf(`src/pages/${page}.ts`));

for (const file of await readdir(TARGET)) {
  const name = /^widget-(.+)\.js$/.exec(file)?.[1];
  if (name === undefined || name in hashes) continue;
  if (check) fail(`src/unwalled/web/${file} belongs to no source. Run \`make widget\` and commit.`);
  else await rm(TARGET + file);
}
if (failed) process.exitCode = 1;
