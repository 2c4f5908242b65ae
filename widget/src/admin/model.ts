/** What the operator's API tells: the same names as in operator/live.py and operator/history.py. */

export type Counts = Readonly<Record<string, number>>;

export interface Alarm {
  readonly code: string;
  readonly level: "bad" | "look";
  readonly cause: string;
  readonly remedy: string;
  readonly since_s: number;
}

export interface Requests {
  readonly span_s: number;
  readonly ok: number;
  readonly none: number;
  readonly failed: number;
  readonly gone: number;
  readonly refused: number;
  readonly success: number | null;
  readonly connecting: { readonly p50_s: number; readonly p90_s: number; readonly p99_s: number } | null;
}

export interface LiveView {
  readonly at_s: number;
  readonly state: "good" | "look" | "bad";
  readonly sentence: string;
  readonly alarms: readonly Alarm[];
  readonly version: string;
  readonly uptime_s: number;
  readonly roles: readonly string[];
  readonly bridges: {
    readonly connected: number;
    readonly with_room: number;
    readonly kind: Counts;
    readonly nat: Counts;
    readonly country: Counts;
    readonly came_hour: number;
    readonly went_hour: number;
  };
  readonly readers: {
    readonly asking: number;
    readonly minutes: Requests;
    readonly hour: Requests;
    readonly day: Requests;
    readonly refused: Counts;
    readonly offers_refused: Counts;
    readonly country: Counts;
  };
  readonly traffic: {
    readonly up_bps: number;
    readonly down_bps: number;
    readonly peak_bps: number;
    readonly up_day_bytes: number;
    readonly down_day_bytes: number;
  };
  readonly gateway: {
    readonly sessions: number;
    readonly max_sessions: number;
    readonly lanes: number;
    readonly streams: number;
    readonly sessions_opened_hour: number;
    readonly sessions_refused_hour: number;
    readonly lanes_misbehaved_hour: number;
    readonly streams_opened_hour: number;
    readonly egress_refused: Counts;
    readonly stun: Counts;
  };
  readonly machine: {
    readonly memory_bytes: number | null;
    readonly descriptors: number | null;
    readonly max_descriptors: number | null;
    readonly processor_share: number | null;
    readonly disk_free_bytes: number | null;
    readonly disk_bytes: number | null;
  };
}

export type Span = "day" | "month" | "year";

export interface Point {
  readonly at_s: number;
  readonly up_s: number;
  readonly bridges: number;
  readonly bridges_least: number;
  readonly bridges_most: number;
  readonly ok: number;
  readonly none: number;
  readonly failed: number;
  readonly refused: number;
  readonly success: number | null;
  readonly connect_p50_s: number | null;
  readonly connect_p90_s: number | null;
  readonly sessions: number;
  readonly sessions_most: number;
  readonly up_bytes: number;
  readonly down_bytes: number;
  readonly peak_bps: number;
  readonly people: number;
}

export interface HistoryView {
  readonly span: Span;
  readonly step_s: number;
  readonly at_s: number;
  readonly trouble: string;
  readonly points: readonly Point[];
}

export interface Invite {
  readonly id: string;
  readonly label: string;
  readonly created: number;
  readonly expires: number;
  readonly revoked: boolean;
  readonly is_over: boolean;
}

export interface InvitePage {
  readonly invites: readonly Invite[];
  readonly total: number;
  readonly next: number | null;
}

export interface MadeInvite {
  readonly id: string;
  readonly text: string;
  readonly link: string;
  readonly expires: number;
}
