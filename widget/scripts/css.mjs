// A style sheet with those that it imports, and without what only its readers need: as a file, or as the text that a script
// imports.

import { build } from "esbuild";

export async function minified(path) {
  const { outputFiles } = await build({ entryPoints: [path], bundle: true, minify: true, charset: "utf8", write: false });
  return outputFiles[0].text.trim();
}

export const css = {
  name: "css",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => ({ contents: await minified(path), loader: "text" }));
  },
};
