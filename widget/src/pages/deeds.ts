/** What a volunteer has done, as it travels in the fragment of an address, which browsers send to nobody. Pure. */

export interface Deeds {
  readonly people: number;
  readonly bytes: number;
  readonly seconds: number;
  /** ISO 3166-1 alpha-2, at most 12. */
  readonly countries: readonly string[];
}

const MOST_COUNTRIES = 12;

/** For the end of a link to the operator's page `impact`, without the `#`. */
export function deedsText({ people, bytes, seconds, countries }: Deeds): string {
  const fields = new URLSearchParams({ people: String(people), bytes: String(Math.floor(bytes)), seconds: String(Math.floor(seconds)) });
  if (countries.length > 0) fields.set("countries", countries.slice(0, MOST_COUNTRIES).join("."));
  return fields.toString();
}

/** Reads a fragment; undefined when it tells of nobody who was helped. */
export function deedsOf(fragment: string): Deeds | undefined {
  const fields = new URLSearchParams(fragment.replace(/^#/, ""));
  const count = (name: string): number => {
    const value = fields.get(name) ?? "";
    return /^\d{1,15}$/.test(value) ? Number(value) : 0;
  };
  const people = count("people");
  if (people === 0) return undefined;
  const named = (fields.get("countries") ?? "").split(".").filter((code) => /^[A-Z]{2}$/.test(code));
  return { people, bytes: count("bytes"), seconds: count("seconds"), countries: [...new Set(named)].slice(0, MOST_COUNTRIES) };
}
