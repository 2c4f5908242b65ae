// How everything here is made from its sources: one form for the page's scripts and the extension's.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { css } from "./css.mjs";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Bundles in memory; gives what esbuild does. `plugins` are further ones beside that for style sheets. */
export function bundle(entryPoints, { plugins = [], ...options } = {}) {
  return build({
    absWorkingDir: ROOT,
    entryPoints,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    banner: { js: "/* Unwalled, Apache-2.0. Source: the folder widget/ of the project. */" },
    plugins: [css, ...plugins],
    write: false,
    ...options,
  });
}
