// Bundles the widget and the scripts of the pages, each into one minified module.
// `--check` compares with the committed files instead of writing them.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const MOST_GZIP_BYTES = 15 * 1024;
const ENTRIES = { "widget.js": "src/widget.ts", "read.js": "src/pages/read.ts" };
const check = process.argv.includes("--check");

async function bundle(entry) {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    banner: { js: "/* Unwalled, Apache-2.0. Source: the folder widget/ of the project. */" },
    write: false,
  });
  return Buffer.from(outputFiles[0].contents);
}

for (const [name, entry] of Object.entries(ENTRIES)) {
  const target = fileURLToPath(new URL(`../../src/unwalled/web/${name}`, import.meta.url));
  const built = await bundle(entry);
  const squeezed = gzipSync(built, { level: 9 }).length;
  console.log(`${name}: ${built.length} bytes, ${squeezed} with gzip`);
  if (squeezed > MOST_GZIP_BYTES) {
    console.error(`A script may have at most ${MOST_GZIP_BYTES} bytes with gzip.`);
    process.exitCode = 1;
  } else if (!check) {
    await writeFile(target, built);
  } else if (!built.equals(await readFile(target).catch(() => Buffer.alloc(0)))) {
    console.error(`src/unwalled/web/${name} is not what the sources give. Run \`npm run build\` and commit it.`);
    process.exitCode = 1;
  }
}
