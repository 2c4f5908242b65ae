/**
 * Every bound of the widget, in one place. The values are those of `LaneLimits`, `BridgeLimits` and
 * `SignallingLimits` in `src/unwalled/settings.py`. Sizes are bytes, times are milliseconds.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

export interface Limits {
  /** One WebSocket message = one data-channel message, binary. */
  readonly maxMessageBytes: number;
  /** Held and unsent bytes of one lane in one direction; past it the lane is closed. */
  readonly maxLaneBufferBytes: number;
  /** What a held message counts beside its bytes, so that many small ones cannot fill the memory either. */
  readonly heldMessageBytes: number;
  /** Held bytes of all lanes of a page; a direction of a lane may hold as much as is free beside it. */
  readonly maxPageBufferBytes: number;
  /** From the offer to both sides of the lane being open. */
  readonly openTimeoutMs: number;
  /** How long a data channel may take to say goodbye before its connection is cut. */
  readonly closeGraceMs: number;
  readonly maxLanes: number;
  readonly maxReaders: number;
  readonly lanesPerReader: number;
  /** How long to look for further addresses after the first one that others could reach. */
  readonly gatherQuietMs: number;
  /** How long to look for addresses at all before answering with what there is. */
  readonly gatherMaxMs: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** A connection to the broker that lasted so long was a good one: the next wait starts small again. */
  readonly steadyMs: number;
  /** From asking for the operator's config to the broker's `ready`. */
  readonly connectTimeoutMs: number;
  /** At most so often the config is asked for again, when a match names a gateway that it did not have. */
  readonly configAgainMs: number;
  /** For that answer. */
  readonly configWaitMs: number;
  /** How often to look whether the computer slept, and how long a gap between two looks means that it did. */
  readonly sleepCheckMs: number;
  readonly sleepGapMs: number;
  readonly maxBrokerMessageBytes: number;
  readonly maxConfigBytes: number;
  readonly maxOffers: number;
  readonly maxCandidates: number;
  readonly maxSdpBytes: number;
}

export const LIMITS: Limits = Object.freeze({
  maxMessageBytes: 64 * KIB,
  maxLaneBufferBytes: 8 * MIB,
  heldMessageBytes: 256,
  maxPageBufferBytes: 64 * MIB,
  openTimeoutMs: 20_000,
  closeGraceMs: 2_000,
  maxLanes: 64,
  maxReaders: 8,
  lanesPerReader: 8,
  gatherQuietMs: 1_000,
  gatherMaxMs: 4_000,
  reconnectMinMs: 1_000,
  reconnectMaxMs: 60_000,
  steadyMs: 10_000,
  connectTimeoutMs: 20_000,
  configAgainMs: 5_000,
  configWaitMs: 4_000,
  sleepCheckMs: 30_000,
  // A hidden page's timers may fire only once a minute; two missed ones are sleep.
  sleepGapMs: 150_000,
  maxBrokerMessageBytes: 128 * KIB,
  maxConfigBytes: 64 * KIB,
  maxOffers: 16,
  maxCandidates: 24,
  maxSdpBytes: 16 * KIB,
});
