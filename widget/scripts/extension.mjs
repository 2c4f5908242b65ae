// Packs the browser extension for Chrome (dist/*.zip) and Firefox (dist/*.xpi), the same bytes from the same sources on every
// machine, and leaves both unpacked in build/extension/.
//
//     node scripts/extension.mjs [--operator https://bridge.example]     what the options page proposes
//     node scripts/extension.mjs --unpacked DIR                          only unpacked, and there

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { bundle, ROOT as WIDGET } from "./bundle.mjs";
import { draw, PICTURES } from "./icons.mjs";
import { languages, parts } from "./parts.mjs";
import { zip } from "./zip.mjs";

const PROJECT = join(WIDGET, "..");
const PAGES = join(WIDGET, "src/extension/pages");
const ID = "unwalled@unwalled.invalid";
/** Languages whose name in the browsers' extension systems is another one. */
const LOCALES = { "zh-Hans": ["zh_CN"], "zh-Hant": ["zh_TW"], pt: ["pt_BR", "pt_PT"] };

const given = read();
const { version } = JSON.parse(await readFile(join(WIDGET, "package.json"), "utf8"));

/** What the command line says; a mistake in it is told, and nothing is packed. */
function read() {
  try {
    const { values } = parseArgs({ options: { operator: { type: "string", default: "" }, unpacked: { type: "string" } } });
    const { operator } = values;
    if (operator !== "" && !(URL.canParse(operator) && new URL(operator).protocol === "https:")) {
      throw new Error(`--operator ${operator} is no address of an operator: give one that begins with https://`);
    }
    return values;
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

/** Each part of the switch under its own name, in the package itself: nothing is ever loaded from elsewhere. */
const ownParts = {
  name: "parts",
  setup(builder) {
    builder.onLoad({ filter: /face[\\/]parts\.ts$/ }, async () => {
      // The page that helps has the engine built in; the details are in other words here.
      const { engine, ...shown } = { ...(await parts()), details: "src/extension/details.ts" };
      const cases = Object.entries(shown).map(([name, path]) => `case ${JSON.stringify(name)}: return import(${JSON.stringify(`./${path}`)});`);
      return {
        contents: `
          export const PART_NAMES = ${JSON.stringify(Object.keys(shown))};
          export async function loadPart(name) {
            switch (name) { ${cases.join("\n")} default: throw new Error("There is no part " + name + "."); }
          }`,
        resolveDir: WIDGET,
      };
    });
  },
};

async function scripts(names) {
  const { outputFiles } = await bundle(names.map((name) => `src/extension/${name}.ts`), {
    outdir: "/",
    splitting: true,
    define: { UNWALLED_OPERATOR: JSON.stringify(given.operator) },
    plugins: [ownParts],
  });
  return Object.fromEntries(outputFiles.map(({ path, contents }) => [path.replace(/^\/+/, ""), Buffer.from(contents)]));
}

/** _locales/…/messages.json of each language that has words. */
async function locales() {
  const files = {};
  for (const tag of await languages("extension/words")) {
    const made = await build({ absWorkingDir: WIDGET, entryPoints: [`src/extension/words/${tag}.ts`], format: "esm", write: false });
    const { WORDS } = await import(`data:text/javascript;base64,${Buffer.from(made.outputFiles[0].contents).toString("base64")}`);
    const messages = Object.fromEntries(Object.entries(WORDS).map(([key, message]) => [key, { message }]));
    for (const name of LOCALES[tag] ?? [tag]) files[`_locales/${name}/messages.json`] = json(messages);
  }
  return files;
}

function icons() {
  const files = {};
  for (const picture of PICTURES) {
    const sizes = picture === "helping" ? [16, 32, 48, 128] : [16, 32];
    for (const size of sizes) files[`icons/${picture}-${size}.png`] = draw(picture, size);
  }
  return files;
}

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  // Whom the volunteer chooses is known only then. Nothing goes out unencrypted.
  "connect-src https: wss:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const COMMON = {
  manifest_version: 3,
  name: "__MSG_name__",
  description: "__MSG_description__",
  version,
  default_locale: "en",
  icons: Object.fromEntries([16, 32, 48, 128].map((size) => [size, `icons/helping-${size}.png`])),
  action: {
    default_title: "__MSG_name__",
    default_popup: "popup.html",
    default_icon: Object.fromEntries([16, 32].map((size) => [size, `icons/off-${size}.png`])),
  },
  options_ui: { page: "options.html", open_in_tab: true },
  content_security_policy: { extension_pages: POLICY },
};

const BROWSERS = {
  chrome: {
    scripts: ["worker", "offscreen", "popup", "options"],
    pages: ["offscreen.html", "popup.html", "options.html", "pages.css"],
    manifest: {
      ...COMMON,
      minimum_chrome_version: "116",
      permissions: ["offscreen"],
      background: { service_worker: "worker.js", type: "module" },
    },
    archive: `unwalled-chrome-${version}.zip`,
  },
  firefox: {
    scripts: ["background", "popup", "options"],
    pages: ["background.html", "popup.html", "options.html", "pages.css"],
    manifest: {
      ...COMMON,
      background: { page: "background.html" },
      browser_specific_settings: {
        gecko: { id: ID, strict_min_version: "140.0", data_collection_permissions: { required: ["none"] } },
      },
    },
    archive: `unwalled-firefox-${version}.xpi`,
  },
};

function json(value) {
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}

const shared = { ...icons(), ...(await locales()), LICENSE: await readFile(join(PROJECT, "LICENSE")) };
for (const [browser, { scripts: names, pages, manifest, archive }] of Object.entries(BROWSERS)) {
  const files = { ...shared, ...(await scripts(names)), "manifest.json": json(manifest) };
  for (const page of pages) files[page] = await readFile(join(PAGES, page));
  const folder = join(given.unpacked ?? join(PROJECT, "build/extension"), browser);
  await rm(folder, { recursive: true, force: true });
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  const target = given.unpacked === undefined ? join(PROJECT, "dist", archive) : join(given.unpacked, archive);
  const packed = zip(files);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, packed);
  console.log(`${target}: ${packed.length} bytes in ${Object.keys(files).length} files`);
}
