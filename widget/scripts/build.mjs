// Bundles the widget, its lazily loaded parts and the scripts of the pages, each into one minified module.
// `--check` compares with the committed files instead of writing them.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bundle, ROOT } from "./bundle.mjs";
import { minified } from "./css.mjs";
import { languages, parts } from "./parts.mjs";

const TARGET = fileURLToPath(new URL("../../src/unwalled/web/", import.meta.url));
const KIB = 1024;
const MOST_GZIP_BYTES = 15 * KIB;
const MOST_GZIP_BYTES_OF_WORDS = 6 * KIB;
/** It comes from the reader's own computer. */
const MOST_GZIP_BYTES_OF_PANEL = 24 * KIB;
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
for (const page of ["add", "embed", "impact", "read", "totals", "window"]) await put(`${page}.js`, await bytesOf(`src/pages/${page}.ts`));


// The reader's panel, in a folder of its own: an operator serves none of it.
const spoken = (await languages("panel/words")).filter((tag) => tag !== "en");
const panel = { "panel.js": await bytesOf("src/panel/panel.ts", { UNWALLED_PANEL_LANGUAGES: JSON.stringify(spoken) }) };
for (const tag of spoken) panel[`words-${tag}.js`] = await bytesOf(`src/panel/words/${tag}.ts`);
for (const file of ["panel.html", "icon.svg"]) panel[file] = await readFile(`${ROOT}src/panel/${file}`);
panel["panel.css"] = Buffer.from(await minified(`${ROOT}src/panel/panel.css`));
await mkdir(`${TARGET}panel`, { recursive: true });
for (const [name, built] of Object.entries(panel)) await put(`panel/${name}`, built, MOST_GZIP_BYTES_OF_PANEL);

// The operator's admin page, which the same folder's rules hold for.
const admin = { "admin.js": await bytesOf("src/admin/admin.ts"), "admin.html": await readFile(`${ROOT}src/admin/admin.html`) };
admin["admin.css"] = Buffer.from(await minified(`${ROOT}src/admin/admin.css`));
await mkdir(`${TARGET}admin`, { recursive: true });
for (const [name, built] of Object.entries(admin)) await put(`admin/${name}`, built);

async function clean(folder, isOurs) {
  for (const file of await readdir(TARGET + folder)) {
    if (isOurs(file)) continue;
    if (check) fail(`src/unwalled/web/${folder}${file} belongs to no source. Run \`make widget\` and commit.`);
    else await rm(TARGET + folder + file);
  }
}
await clean("", (file) => {
  const name = /^widget-(.+)\.js$/.exec(file)?.[1];
  return name === undefined || name in hashes;
});
await clean("panel/", (file) => file in panel);
await clean("admin/", (file) => file in admin);
if (failed) process.exitCode = 1;
