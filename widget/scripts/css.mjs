// A style sheet that a script imports is its text, without what only its readers need.

import { readFile } from "node:fs/promises";
import { transform } from "esbuild";

export const css = {
  name: "css",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true, charset: "utf8" });
      return { contents: code.trim(), loader: "text" };
    });
  },
};
