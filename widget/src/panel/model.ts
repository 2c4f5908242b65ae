/** What the program tells the page. src/unwalled/app/snapshot.py and panel/messages.py say what each field means. */

export type State = "off" | "searching" | "connecting" | "connected" | "waiting" | "stopped";

export type Trouble =
  | "none"
  | "no-invite"
  | "invite-expired"
  | "invite-refused"
  | "no-bridge"
  | "no-helper"
  | "share-used"
  | "operator-full"
  | "operator-unreachable"
  | "offline"
  | "captive-portal"
  | "udp-blocked"
  | "clock-wrong"
  | "disk-full"
  | "no-webrtc";

export type Mode = "everything" | "blocked" | "listed";

export interface Lane {
  readonly round_trip_ms: number | null;
  readonly up_bps: number;
  readonly down_bps: number;
  readonly is_silent: boolean;
}

export interface Bridge {
  readonly number: number;
  readonly lanes: readonly Lane[];
}

export interface Invite {
  readonly id: string;
  readonly label: string;
  /** Unix time, seconds; 0 = never. */
  readonly expires_at: number;
  readonly is_active: boolean;
  readonly trouble: Trouble;
}

export interface Snapshot {
  readonly state: State;
  readonly trouble: Trouble;
  readonly clock_error_s: number;
  readonly bridges: readonly Bridge[];
  readonly up_bps: number;
  readonly down_bps: number;
  readonly bytes_up: number;
  readonly bytes_down: number;
  readonly seconds_connected: number;
  readonly connections: number;
  readonly through_bridges: number;
  readonly went_direct: number;
  readonly rules: Mode;
  readonly proxy: string;
  readonly is_system_proxy: boolean;
  readonly starts_at_login: boolean;
  readonly invites: readonly Invite[];
}

export interface Settings {
  readonly language: string;
  readonly version: string;
  readonly has_rules: boolean;
  readonly can_set_proxy: boolean;
  readonly can_start_at_login: boolean;
}

export interface List {
  readonly id: string;
  readonly title: string;
  readonly names: number;
  readonly problems: number;
  readonly updated_at: number;
  readonly is_updated: boolean;
  /** Its sites go directly, whatever else says otherwise. */
  readonly is_direct: boolean;
  /** Why it could not be renewed, in English, or "". */
  readonly trouble: string;
}

export interface Rules {
  readonly own: readonly string[];
  readonly own_count: number;
  readonly lists: readonly List[];
  readonly learned: number;
  readonly names: number;
}

export interface Taken {
  readonly names: number;
  /** In English. */
  readonly problems: readonly { readonly line: number; readonly cause: string; readonly remedy: string }[];
  readonly problem_count: number;
}

/** Everything at one moment. Without a book of rules there are none. */
export interface Whole {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly rules?: Rules;
}

/** A line of the stream: what is not there is as it was. */
export type Line = Partial<Whole>;

/** Everything after a line, or undefined while a first whole line is missing. */
export function merge(before: Whole | undefined, line: Line): Whole | undefined {
  const { snapshot, settings } = { ...before, ...line };
  if (!snapshot || !settings) return undefined;
  const rules = line.rules ?? before?.rules;
  return rules ? { snapshot, settings, rules } : { snapshot, settings };
}

export function countLanes(bridges: readonly Bridge[]): number {
  return bridges.reduce((sum, { lanes }) => sum + lanes.length, 0);
}
