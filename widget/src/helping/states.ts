/** What the switch shows, derived from what is going on. Pure. */

export type State = "off" | "connecting" | "waiting" | "helping" | "paused" | "unsupported" | "error";

/**
 * Why it pauses: no network; the page is not seen; not being charged; data costs here; not one of the volunteer's hours; this
 * month's data is used up; another tab or the small window helps.
 */
export type PauseReason = "offline" | "hidden" | "charging" | "metered" | "hours" | "spent" | "elsewhere";

/** Why it fails: the attribute is no URL; no answer; no place; too old; nonsense; the network lets nobody in; it takes no private helpers. */
export type ErrorReason = "operator" | "unreachable" | "full" | "version" | "protocol" | "network" | "private";

/** Why it is `paused`, `unsupported` or `error`; empty in the other states. */
export type Reason = "" | PauseReason | "browser" | ErrorReason;

export type BrokerPhase =
  | { readonly phase: "connecting" }
  | { readonly phase: "ready"; readonly invite?: string | undefined }
  | { readonly phase: "lost"; readonly reason: Reason };

export interface Situation {
  readonly on: boolean;
  readonly supported: boolean;
  /** Why nothing may be done just now. */
  readonly pause: Reason;
  readonly broker: BrokerPhase;
  readonly openLanes: number;
  /** Known from a test: whoever tries to come in fails. */
  readonly shutIn: boolean;
}

export interface Shown {
  readonly state: State;
  readonly reason: Reason;
}

export function shown({ on, supported, pause, broker, openLanes, shutIn }: Situation): Shown {
  if (!supported) return { state: "unsupported", reason: "browser" };
  if (!on) return { state: "off", reason: "" };
  if (pause !== "") return { state: "paused", reason: pause };
  // Lanes do not need the broker: whoever is being helped goes on being helped while it is away.
  if (openLanes > 0) return { state: "helping", reason: "" };
  switch (broker.phase) {
    case "ready":
      return shutIn ? { state: "error", reason: "network" } : { state: "waiting", reason: "" };
    case "connecting":
      return { state: "connecting", reason: "" };
    case "lost":
      return { state: broker.reason === "offline" ? "paused" : "error", reason: broker.reason };
  }
}
