/**
 * What WebRTC needs to know of one end, and the two ways between that and SDP.
 *
 * Both ends build SDP for their own stack from a fixed template, so that no peer can bring lines of its own into
 * another's SDP. Specified in docs/protocol/signalling.md; tests/vectors/descriptions.json holds both
 * implementations to it. Pure.
 */

import { LIMITS } from "../bridge/limits.js";
import { isPrivateAddress, parseAddress } from "./address.js";

export type Setup = "actpass" | "active" | "passive";
export type Kind = "offer" | "answer";

export interface LaneDescription {
  readonly ufrag: string;
  readonly pwd: string;
  /** SHA-256 of the DTLS certificate, 64 lower-case hex digits. */
  readonly fingerprint: string;
  readonly setup: Setup;
  readonly candidates: readonly string[];
  /** Bytes. */
  readonly max_message: number;
  readonly sctp_init?: string;
}

/** A description or an SDP that the protocol does not allow. */
export class DescriptionError extends Error {
  override readonly name = "DescriptionError";
}

const UFRAG = /^[A-Za-z0-9+/]{4,256}$/;
const PWD = /^[A-Za-z0-9+/]{22,256}$/;
const FINGERPRINT = /^[0-9a-f]{64}$/;
const SCTP_INIT = /^[A-Za-z0-9+/=]{1,256}$/;
const SDP_FINGERPRINT = /^sha-256 ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31})$/i;
const SDP_NUMBER = /^(0|[1-9]\d{0,9})$/;
const CANDIDATE =
  /^([A-Za-z0-9+/]{1,32}) ([1-9]\d{0,2}) ([A-Za-z0-9-]{1,16}) (0|[1-9]\d{0,9}) ([A-Za-z0-9.:-]{1,253}) (0|[1-9]\d{0,4}) typ (host|srflx|prflx|relay)(?= |$)/;
const MIN_MAX_MESSAGE = 16_384;
const MAX_MAX_MESSAGE = 2 ** 31 - 1;
const MAX_SDP_LINES = 256;

/**
 * Checks a description that a peer sent and drops candidates that must not be used.
 *
 * @param value What JSON.parse gave.
 * @param kind `offer` allows only `actpass`, `answer` only `active` and `passive`.
 * @param allowPrivate Keeps private, loopback, link-local and other addresses that are not public.
 * @throws DescriptionError
 */
export function checkDescription(value: unknown, kind: Kind, allowPrivate: boolean): LaneDescription {
  if (typeof value !== "object" || value === null) throw new DescriptionError("A lane description is not an object.");
  const fields = value as Record<string, unknown>;
  const candidates = fields["candidates"];
  if (!Array.isArray(candidates) || candidates.length > LIMITS.maxCandidates) {
    throw new DescriptionError("A lane description has no list of at most 24 candidates.");
  }
  const sctpInit = fields["sctp_init"] ?? "";
  const usable = candidates.map((text) => usableCandidate(text, true));
  return {
    ufrag: matching(fields["ufrag"], UFRAG, "ufrag"),
    pwd: matching(fields["pwd"], PWD, "pwd"),
    fingerprint: matching(fields["fingerprint"], FINGERPRINT, "fingerprint"),
    setup: setupFor(fields["setup"], kind),
    candidates: usable.filter((text) => text !== undefined && (allowPrivate || !isPrivateCandidate(text))) as string[],
    max_message: maxMessage(fields["max_message"]),
    ...(sctpInit === "" ? {} : { sctp_init: matching(sctpInit, SCTP_INIT, "sctp_init") }),
  };
}

/** The SDP of a description, for `setRemoteDescription`. The description must have been checked. */
export function toSdp(description: LaneDescription): string {
  const fingerprint = description.fingerprint.toUpperCase().match(/../g) ?? [];
  const lines = [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    `a=ice-ufrag:${description.ufrag}`,
    `a=ice-pwd:${description.pwd}`,
    "a=ice-options:trickle",
    `a=fingerprint:sha-256 ${fingerprint.join(":")}`,
    `a=setup:${description.setup}`,
    "a=mid:0",
    "a=sctp-port:5000",
    `a=max-message-size:${description.max_message}`,
    ...(description.sctp_init === undefined ? [] : [`a=sctp-init:${description.sctp_init}`]),
    ...description.candidates.map((candidate) => `a=candidate:${candidate}`),
  ];
  return lines.join("\r\n") + "\r\n";
}

/**
 * Reads what our own stack wrote: one data channel section, no media. Of more than 24 usable candidates, those that are not
 * `host` are kept first.
 *
 * @param allowPrivate As in `checkDescription`: what the reader would skip is not told either.
 * @throws DescriptionError
 */
export function fromSdp(sdp: string, kind: Kind, allowPrivate: boolean): LaneDescription {
  const lines = sdp.split(/\r?\n/);
  if (new TextEncoder().encode(sdp).length > LIMITS.maxSdpBytes || lines.length > MAX_SDP_LINES) {
    throw new DescriptionError("An SDP is too large.");
  }
  const sections = lines.filter((line) => line.startsWith("m="));
  if (lines[0] !== "v=0" || sections.length !== 1 || !sections[0]?.startsWith("m=application ")) {
    throw new DescriptionError("An SDP is not that of a single data channel.");
  }
  const size = attribute(lines, "max-message-size") ?? "65536";
  if (!SDP_NUMBER.test(size)) throw new DescriptionError("The greatest message size is not a number.");
  const [, digest] = SDP_FINGERPRINT.exec(attribute(lines, "fingerprint") ?? "") ?? [];
  const usable = values(lines, "candidate").map((text) => usableCandidate(text, false));
  const candidates = usable.filter((text) => text !== undefined);
  if (candidates.length > LIMITS.maxCandidates) {
    candidates.sort((one, other) => Number(one.endsWith(" host")) - Number(other.endsWith(" host")));
  }
  const description = {
    ufrag: attribute(lines, "ice-ufrag"),
    pwd: attribute(lines, "ice-pwd"),
    fingerprint: digest?.replaceAll(":", "").toLowerCase(),
    setup: attribute(lines, "setup"),
    candidates: candidates.slice(0, LIMITS.maxCandidates),
    // RFC 8841 section 6: 0 means that any size is taken.
    max_message: Math.min(Number(size), MAX_MAX_MESSAGE) || MAX_MAX_MESSAGE,
    sctp_init: attribute(lines, "sctp-init"),
  };
  return checkDescription(description, kind, allowPrivate);
}

function values(lines: readonly string[], name: string): string[] {
  const prefix = `a=${name}:`;
  return lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
}

function attribute(lines: readonly string[], name: string): string | undefined {
  const [first, ...more] = values(lines, name);
  if (more.some((value) => value !== first)) throw new DescriptionError("An SDP gives an attribute twice.");
  return first;
}

/**
 * The short form of a candidate, or undefined when it is of a kind that lanes do not use.
 *
 * @param exact Nothing may follow the type.
 * @throws DescriptionError for what is no candidate at all.
 */
function usableCandidate(text: unknown, exact: boolean): string | undefined {
  const match = typeof text === "string" ? CANDIDATE.exec(text) : null;
  if (!match || (exact && match[0] !== text)) throw new DescriptionError("A candidate is malformed.");
  const [, foundation, component, transport, priority, host = "", port, type] = match;
  if (Number(priority) >= 2 ** 32 || Number(port) > 65_535) throw new DescriptionError("A candidate is out of bounds.");
  if (component !== "1" || transport?.toLowerCase() !== "udp" || port === "0" || !parseAddress(host)) return undefined;
  return `${foundation} 1 udp ${priority} ${host} ${port} typ ${type}`;
}

function isPrivateCandidate(candidate: string): boolean {
  const address = parseAddress(candidate.split(" ")[4] ?? "");
  return address === undefined || isPrivateAddress(address);
}

function matching(value: unknown, pattern: RegExp, field: string): string {
  if (typeof value !== "string" || !pattern.test(value)) throw new DescriptionError(`A lane description's ${field} is wrong.`);
  return value;
}

function setupFor(value: unknown, kind: Kind): Setup {
  if (kind === "offer" ? value === "actpass" : value === "active" || value === "passive") return value as Setup;
  throw new DescriptionError(`A lane description's setup does not fit an ${kind}.`);
}

function maxMessage(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= MIN_MAX_MESSAGE && value <= MAX_MAX_MESSAGE) return value;
  throw new DescriptionError("A lane description's max_message is wrong.");
}
