// A style sheet without what only its readers need: as a file, or as the text that a script imports.

import { readFile } from "node:fs/promises";
import { transform } from "esbuild";

export async function minified(path) {
  const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true, charset: "utf8" });
  return code.trim();
}

export const css = {
  name: "css",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => ({ contents: await minified(path), loader: "text" }));
  },
};
