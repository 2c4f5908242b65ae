/**
 * What the extension's pages say to each other. Pure.
 *
 *     popup, options ──port──► the page that helps: what the volunteer wants
 *     the page that helps ──port──► popup, options: what is going on
 *     the page that helps ──message──► the toolbar (in Chrome another page holds it)
 */

import type { Snapshot, Wishes } from "../helping/snapshot.js";
import type { State } from "../helping/states.js";

/** The name of the port between a page that shows and the page that helps. */
export const FACE = "face";

/** To whoever can start the page that helps; answered when it is there. */
export const WAKE = "wake";

/** What a volunteer does on one of the extension's pages. */
export type Wish =
  | { readonly do: "start" | "stop" | "forget" | "check" | "dismissCaution" | "newLink" }
  | { readonly do: "set"; readonly wishes: Partial<Wishes> }
  | { readonly do: "keepHelping" | "keepNumbers" | "onlyKnown"; readonly value: boolean }
  | { readonly do: "operator"; readonly value: string };

/** What is going on. */
export interface News {
  /** Base URL of the operator that is helped, or "" while none has been chosen. */
  readonly operator: string;
  readonly snapshot: Snapshot;
}

/** What the toolbar is to show. */
export interface Sign {
  readonly kind: "sign";
  readonly state: State;
  readonly readers: number;
  readonly title: string;
}

/** Only this extension's own pages can send messages here; still, what is read has been looked at. */
export function isWish(message: unknown): message is Wish {
  if (typeof message !== "object" || message === null || !("do" in message)) return false;
  const value = "value" in message ? message.value : undefined;
  switch (message.do) {
    case "start":
    case "stop":
    case "forget":
    case "check":
    case "dismissCaution":
    case "newLink":
      return true;
    case "set":
      return "wishes" in message && typeof message.wishes === "object" && message.wishes !== null;
    case "keepHelping":
    case "keepNumbers":
    case "onlyKnown":
      return typeof value === "boolean";
    case "operator":
      return typeof value === "string" && (value === "" || operatorUrl(value) === value);
    default:
      return false;
  }
}

export function isSign(message: unknown): message is Sign {
  return typeof message === "object" && message !== null && "kind" in message && message.kind === "sign";
}

/**
 * The base URL of an operator from what a person typed or pasted: of its page, without query, fragment and slash at the end.
 * Undefined for what no operator can have. Only encrypted ones: the policy of the extension lets no other connection out.
 */
export function operatorUrl(text: string): string | undefined {
  const typed = text.trim();
  try {
    const { protocol, origin, pathname } = new URL(/^[a-z]+:\/\//i.test(typed) ? typed : `https://${typed}`);
    return protocol === "https:" ? origin + pathname.replace(/\/+$/, "") : undefined;
  } catch {
    return undefined;
  }
}
