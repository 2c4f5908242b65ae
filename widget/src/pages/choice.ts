/** What a site may choose of the switch, and the lines that it then puts into its pages. Pure. */

export const LAYOUTS = ["panel", "banner", "badge", "floating"] as const;
export const THEMES = ["auto", "light", "dark"] as const;
export const MOST_READERS = 8;

export interface Choice {
  readonly layout: (typeof LAYOUTS)[number];
  readonly theme: (typeof THEMES)[number];
  /** A tag such as "fa", or "" for the language of the page. */
  readonly lang: string;
  readonly readers: number;
  /** A colour such as "#6a1b9a", or "" for ours. */
  readonly colour: string;
}

/** Where the widget of one version stays, and its hash. */
export interface Pin {
  readonly version: string;
  readonly integrity: string;
}

export const PLAIN: Choice = { layout: "panel", theme: "auto", lang: "", readers: MOST_READERS, colour: "" };

/** Height of a frame in CSS pixels, enough for what is shown before anything is opened. */
const FRAME_HEIGHTS: Readonly<Record<Choice["layout"], number>> = { panel: 360, banner: 220, badge: 64, floating: 360 };

/** The choice as attributes of `<unwalled-bridge>`; what is the default is left out. */
export function attributes(choice: Choice): readonly (readonly [name: string, value: string])[] {
  const { layout, theme, lang, readers } = choice;
  const found: [string, string][] = [];
  if (layout !== PLAIN.layout) found.push(["layout", layout]);
  if (theme !== PLAIN.theme) found.push(["theme", theme]);
  if (lang !== "") found.push(["lang", lang]);
  if (readers !== PLAIN.readers) found.push(["max-readers", String(readers)]);
  return found;
}

/** Reads a choice out of an address's query; what makes no sense there counts as not said. */
export function choiceOf(query: URLSearchParams): Choice {
  const lang = query.get("lang") ?? "";
  const colour = query.get("colour") ?? "";
  const readers = Number(query.get("max-readers") ?? "");
  return {
    layout: oneOf(LAYOUTS, query.get("layout")) ?? PLAIN.layout,
    theme: oneOf(THEMES, query.get("theme")) ?? PLAIN.theme,
    lang: /^[a-z]{2}(-[A-Z][a-z]{3})?$/.test(lang) ? lang : "",
    readers: Number.isInteger(readers) && readers >= 1 && readers <= MOST_READERS ? readers : PLAIN.readers,
    colour: /^#[0-9a-f]{6}$/.test(colour) ? colour : "",
  };
}

/** The two lines. Without a pin the newest version is loaded each time. */
export function scriptLines(operator: string, choice: Choice, pin: Pin | undefined, fallback: string): string {
  const source = pin ? `${operator}/widget/${pin.version}/widget.js` : `${operator}/widget.js`;
  const script = pin
    ? tag("script", [["type", "module"], ["src", source], ["integrity", pin.integrity], ["crossorigin", "anonymous"]], "")
    : tag("script", [["type", "module"], ["src", source]], "");
  return `${script}\n${tag("unwalled-bridge", attributes(choice), fallback)}`;
}

/** The rule for the site's style sheet, or "". */
export function cssRule({ colour }: Choice): string {
  return colour === "" ? "" : `unwalled-bridge { --uw-live: ${colour}; }`;
}

/** What a site's Content-Security-Policy has to allow. */
export function policyLine(operator: string): string {
  const { origin, protocol, host } = new URL(operator);
  return `script-src ${origin}; connect-src ${origin} ${protocol === "https:" ? "wss" : "ws"}://${host}`;
}

export function framePolicyLine(operator: string): string {
  return `frame-src ${new URL(operator).origin}`;
}

/** A frame stands where its site puts it: what floats there is a panel within. */
export function inFrame(choice: Choice): Choice {
  return choice.layout === "floating" ? { ...choice, layout: "panel" } : choice;
}

export function frameLine(operator: string, wished: Choice, title: string): string {
  const choice = inFrame(wished);
  const query = new URLSearchParams(attributes(choice).map(([name, value]): [string, string] => [name, value]));
  if (choice.colour !== "") query.set("colour", choice.colour);
  const source = `${operator}/embed${query.size > 0 ? `?${query}` : ""}`;
  return tag(
    "iframe",
    [
      ["src", source],
      ["title", title],
      ["width", choice.layout === "banner" ? "100%" : "360"],
      ["height", String(FRAME_HEIGHTS[choice.layout])],
      ["allow", "web-share; clipboard-write"],
      ["style", "border: 0; color-scheme: normal"],
    ],
    "",
  );
}

function oneOf<Value extends string>(values: readonly Value[], wished: string | null): Value | undefined {
  return values.find((value) => value === wished);
}

function tag(name: string, attributes: readonly (readonly [string, string])[], text: string): string {
  return `<${name}${attributes.map(([key, value]) => ` ${key}="${escaped(value)}"`).join("")}>${escaped(text)}</${name}>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
