/**
 * The parts of the widget that only some visitors need. They lie beside the script itself and are loaded when they are shown.
 *
 * The script knows the hash of each part from its build. A page that pins the script by its `integrity` has so pinned all parts:
 * one that was changed is refused.
 */

import type { Words } from "../words/words.js";

/** Name → SHA-384, put in by scripts/build.mjs, which builds the parts first. */
declare const UNWALLED_PARTS: Readonly<Record<string, string>>;

/** What each part exports. */
export interface Parts {
  /** All that carries data. */
  readonly engine: typeof import("../helping/engine.js");
  readonly details: typeof import("./details.js");
  readonly picture: typeof import("../picture/picture.js");
  readonly [words: `words-${string}`]: { readonly WORDS: Words };
}

export const PART_NAMES: readonly string[] = Object.keys(UNWALLED_PARTS);

/** Why a part cannot be had. */
export class PartError extends Error {
  /** The server has the part, but not the one that belongs to this script: the page is older or newer than its server. */
  readonly changed: boolean;

  constructor(message: string, changed: boolean) {
    super(message);
    this.changed = changed;
  }
}

const underWay = new Map<string, Promise<unknown>>();
let failures = 0;

/** Rejects with a PartError when the part cannot be had unchanged; then another call tries again. */
export function loadPart<Name extends keyof Parts & string>(name: Name): Promise<Parts[Name]> {
  let loading = underWay.get(name);
  if (!loading) {
    loading = load(name);
    underWay.set(name, loading);
    loading.catch(() => {
      failures += 1;
      underWay.delete(name);
    });
  }
  return loading as Promise<Parts[Name]>;
}

async function load(name: string): Promise<unknown> {
  const hash = UNWALLED_PARTS[name] ?? "";
  // The hash in the address keeps a part of an older version, still in the browser's cache, from being asked for.
  // A page keeps a failure for as long as it lives, so that another try needs another address.
  const query = encodeURIComponent(hash.slice(0, 8)) + (failures > 0 ? `&${failures}` : "");
  const url = new URL(`widget-${name}.js?${query}`, import.meta.url).href;
  if (!(await (isWebKit() || !knowsPreload() ? run : preload)(url, `sha384-${hash}`))) {
    const isThere = await fetch(url, { method: "HEAD", credentials: "omit" }).then(({ ok }) => ok, () => false);
    throw new PartError(`The part ${name} of the switch could not be loaded unchanged.`, isThere);
  }
  return (await import(url)) as unknown;
}

/** WebKit loads a preload whatever its hash is, and looks at that of a script. Elsewhere both are looked at. */
function isWebKit(): boolean {
  return navigator.vendor.startsWith("Apple");
}

/** Elsewhere no event would come, and nothing would be verified. */
function knowsPreload(): boolean {
  return document.createElement("link").relList.supports("modulepreload");
}

/** Puts the module among the page's loaded ones if its hash is right. An `import()` cannot be given a hash itself. */
function preload(url: string, integrity: string): Promise<boolean> {
  const link = document.createElement("link");
  link.rel = "modulepreload";
  link.href = url;
  return loaded(link, integrity);
}

/**
 * The same by running it, which does nothing by itself: for browsers that know no preload of modules (Firefox before 115), and
 * WebKit. Not the first choice: Trusted Types may forbid it.
 */
function run(url: string, integrity: string): Promise<boolean> {
  const script = document.createElement("script");
  script.type = "module";
  try {
    script.src = url;
  } catch {
    // The page's own server may change its script as well, so that a hash of its parts would prove nothing.
    return knowsPreload() && new URL(url).origin === location.origin ? preload(url, integrity) : Promise.resolve(false);
  }
  return loaded(script, integrity);
}

function loaded(element: HTMLLinkElement | HTMLScriptElement, integrity: string): Promise<boolean> {
  return new Promise<boolean>((resolve) => {
    element.onload = () => resolve(true);
    element.onerror = () => resolve(false);
    element.integrity = integrity;
    element.crossOrigin = "anonymous";
    document.head.append(element);
  }).finally(() => element.remove());
}
