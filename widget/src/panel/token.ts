/**
 * The secret by which the program knows its page: it comes in the address's fragment, which no browser sends anywhere.
 *
 * It is taken out of the address at once, so that it is not copied with it, and stays with this tab, so that it can be reloaded.
 */

const KEY = "token";

export interface Place {
  readonly location: Pick<Location, "hash" | "pathname">;
  readonly history: Pick<History, "replaceState">;
  /** Undefined where the browser allows none. */
  readonly storage: Pick<Storage, "getItem" | "setItem"> | undefined;
}

/** The token, or undefined when the page was opened without it. */
export function takeToken({ location, history, storage }: Place): string | undefined {
  const given = location.hash.slice(1);
  if (given === "") return storage?.getItem(KEY) ?? undefined;
  storage?.setItem(KEY, given);
  history.replaceState(null, "", location.pathname);
  return given;
}

/** This tab's own store. */
export function tabStorage(): Storage | undefined {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}
