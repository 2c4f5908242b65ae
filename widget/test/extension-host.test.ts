/** The extension's page that helps, in a browser of stand-ins. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Wish } from "../src/extension/messages.js";

/** What the page needs of its browser. It is read when the modules are loaded, so they are loaded after it. */
class World {
  readonly texts = new Map<string, string>();
  wish: (wish: Wish) => void = () => undefined;
  leave: () => void = () => undefined;

  constructor() {
    const store = {
      getItem: (name: string) => this.texts.get(name) ?? null,
      setItem: (name: string, text: string) => void this.texts.set(name, text),
      removeItem: (name: string) => void this.texts.delete(name),
    };
    const put = (name: string, value: unknown): void => void Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    put("localStorage", store);
    put("sessionStorage", store);
    put("addEventListener", () => undefined);
    put("location", { search: "" });
    put("navigator", { languages: ["en"] });
    put("HTMLElement", class {});
    put("UNWALLED_OPERATOR", "");
    put("UNWALLED_PARTS", {});
    put("chrome", {
      i18n: { getMessage: (name: string) => (name === "tag" ? "en" : name) },
      runtime: { onConnect: { addListener: (meet: (port: unknown) => void) => this.#meet(meet) } },
    });
  }

  get keepsHelping(): boolean {
    const { help } = Object(JSON.parse(this.texts.get("unwalled-bridge") ?? "null")) as { help?: unknown };
    return help === true;
  }

  #meet(meet: (port: unknown) => void): void {
    meet({
      name: "face",
      postMessage: () => undefined,
      onMessage: { addListener: (hear: (wish: Wish) => void) => (this.wish = hear) },
      onDisconnect: { addListener: (gone: () => void) => (this.leave = gone) },
    });
  }
}

test("the wish to go on is for the newsroom for which it was said, even while the switch is off", async (t) => {
  const world = new World();
  const { Host } = await import("../src/extension/host.js");
  new Host({ show: () => undefined, onBusy: () => undefined });
  // While somebody looks, a timer runs, which would keep a failed test from ending.
  t.after(() => world.leave());
  world.wish({ do: "operator", value: "https://one.example" });
  world.wish({ do: "keepHelping", value: true });
  world.wish({ do: "operator", value: "https://one.example" });
  assert.ok(world.keepsHelping);
  world.wish({ do: "operator", value: "https://two.example" });
  assert.equal(world.texts.get("unwalled-operator"), "https://two.example");
  assert.ok(!world.keepsHelping);
});
