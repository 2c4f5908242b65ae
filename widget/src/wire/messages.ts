/** Config and broker messages, as docs/protocol/signalling.md specifies them. Pure: JSON text in, values out. */

import { LIMITS } from "../bridge/limits.js";
import { isPrivateHost } from "./address.js";
import type { LaneDescription } from "./description.js";

/** A config or a message that the protocol does not allow. */
export class SignallingError extends Error {
  override readonly name = "SignallingError";
}

export interface OperatorConfig {
  readonly bridgeSocket: string;
  readonly gateways: readonly string[];
  readonly stun: readonly string[];
  /** Whether descriptions may hold addresses that are not public. */
  readonly allowPrivate: boolean;
  /** Whether bridges that help only the holders of their own link are taken; who knows nothing of them would give them to all. */
  readonly swarms: boolean;
}

/** An offer whose description has not been checked yet: a bad one must refuse only its own lane. */
export interface Offer {
  readonly offer: number;
  readonly description: unknown;
}

export type ErrorCode = "malformed" | "version" | "full" | "limited" | "swarm";

export type Down =
  | { readonly type: "ready"; readonly bridge: string; readonly invite?: string }
  | {
      readonly type: "match";
      readonly match: string;
      readonly gateway: string;
      readonly offers: readonly Offer[];
      readonly reader?: string;
      readonly country?: string;
    }
  | { readonly type: "cancel"; readonly match: string }
  | { readonly type: "error"; readonly code: ErrorCode };

export type Refusal = "busy" | "gateway" | "description" | "failed";
export type Answer =
  | { readonly offer: number; readonly answer: LaneDescription }
  | { readonly offer: number; readonly refused: Refusal };

export interface Hello {
  readonly type: "hello";
  readonly v: 1;
  readonly client: "page";
  readonly nat: "restricted" | "unknown";
  readonly capacity: number;
  readonly readers: number;
  /** By it a reader has the same name after the page has come back. 16 random bytes, b64. */
  readonly salt?: string;
  /** The tag of the only swarm that it helps. */
  readonly swarm?: string;
}

export type Up =
  | Hello
  | { readonly type: "answers"; readonly match: string; readonly answers: readonly Answer[] }
  | { readonly type: "capacity"; readonly free: number; readonly readers: number };

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const COUNTRY = /^[A-Z]{2}$/;
const STUN = /^stuns?:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?(\?transport=(udp|tcp))?$/;
const ERROR_CODES: readonly string[] = ["malformed", "version", "full", "limited", "swarm"];
const MAX_GATEWAYS = 32;
const MAX_GATEWAY_CHARS = 512;
const MAX_STUN = 8;

/**
 * Reads the answer to `GET {operator}/v1/config`, and no more of it than a config can have.
 *
 * @throws SignallingError
 */
export async function readConfig(response: Response, operator: string): Promise<OperatorConfig> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (let read = await reader?.read(); read?.value; read = await reader?.read()) {
    bytes += read.value.length;
    if (bytes > LIMITS.maxConfigBytes) {
      // Whoever sends without end is not waited for.
      void reader?.cancel().catch(() => undefined);
      throw new SignallingError("The operator's config is too long.");
    }
    text += decoder.decode(read.value, { stream: true });
  }
  return parseConfig(text + decoder.decode(), operator);
}

/**
 * Reads the text of a config.
 *
 * @param operator The URL by which the operator was reached.
 * @throws SignallingError
 */
export function parseConfig(text: string, operator: string): OperatorConfig {
  if (text.length > LIMITS.maxConfigBytes) throw new SignallingError("The operator's config is too long.");
  const fields = jsonObject(text);
  if (fields["v"] !== 1) throw new SignallingError("The operator speaks another version.");
  const gateways = list(fields["gateways"], MAX_GATEWAYS);
  const stun = list(fields["stun"], MAX_STUN);
  const allowPrivate = fields["allow_private"];
  if (typeof allowPrivate !== "boolean") throw new SignallingError("The operator's config has no allow_private.");
  if (gateways.length === 0) throw new SignallingError("The operator's config names no gateway.");
  const isPrivate = isPrivateHost(new URL(operator).hostname);
  const sockets = [socketUrl(fields["bridge_socket"]), ...gateways.map(socketUrl)] as const;
  // A visitor's own network is none of an operator's outside of it.
  if (!isPrivate && sockets.some((url) => isPrivateHost(new URL(url).hostname))) {
    throw new SignallingError("The operator's config names a private network.");
  }
  const [bridgeSocket, ...rest] = sockets;
  return {
    bridgeSocket,
    gateways: rest,
    stun: stun.map((url) => {
      if (typeof url !== "string" || !STUN.test(url)) throw new SignallingError("The operator's config has a bad STUN URL.");
      return url;
    }),
    allowPrivate: allowPrivate || isPrivate,
    swarms: fields["swarms"] === true,
  };
}

/**
 * Reads one message from the broker.
 *
 * @throws SignallingError
 */
export function parseDown(data: unknown): Down {
  if (typeof data !== "string" || data.length > LIMITS.maxBrokerMessageBytes) {
    throw new SignallingError("The broker sent something else than a short text.");
  }
  const fields = jsonObject(data);
  switch (fields["type"]) {
    case "ready":
      return { type: "ready", bridge: name(fields["bridge"]), ...(fields["invite"] ? { invite: text(fields["invite"]) } : {}) };
    case "match": {
      const { reader, country } = fields;
      return {
        type: "match",
        match: name(fields["match"]),
        gateway: gateway(fields["gateway"]),
        offers: offers(fields["offers"]),
        ...(reader === undefined || reader === "" ? {} : { reader: name(reader) }),
        ...(country === undefined || country === "" ? {} : { country: countryCode(country) }),
      };
    }
    case "cancel":
      return { type: "cancel", match: name(fields["match"]) };
    case "error": {
      const code = text(fields["code"]);
      if (!ERROR_CODES.includes(code)) throw new SignallingError("The broker complains of something unknown.");
      return { type: "error", code: code as ErrorCode };
    }
    default:
      throw new SignallingError("A message of the broker is of no known type.");
  }
}

/** Whether `url` is one of the operator's gateways followed by `/TICKET` and nothing else. */
export function isOperatorsGateway(url: string, gateways: readonly string[]): boolean {
  return gateways.some((gateway) => url.startsWith(`${gateway}/`) && NAME.test(url.slice(gateway.length + 1)));
}

function jsonObject(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new SignallingError("A message is not JSON.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SignallingError("A message is not an object.");
  return value as Record<string, unknown>;
}

function list(value: unknown, longest: number): unknown[] {
  if (!Array.isArray(value) || value.length > longest) throw new SignallingError("A list is missing or too long.");
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new SignallingError("A text is missing.");
  return value;
}

function name(value: unknown): string {
  const given = text(value);
  if (!NAME.test(given)) throw new SignallingError("A name has characters or a length that names cannot have.");
  return given;
}

function countryCode(value: unknown): string {
  const given = text(value);
  if (!COUNTRY.test(given)) throw new SignallingError("A country is not two capital letters.");
  return given;
}

function gateway(value: unknown): string {
  const given = text(value);
  if (given.length === 0 || given.length > MAX_GATEWAY_CHARS) throw new SignallingError("A gateway's URL is empty or too long.");
  return given;
}

function offers(value: unknown): Offer[] {
  const seen = new Set<number>();
  const found = list(value, LIMITS.maxOffers).map((entry) => {
    const { offer, description } = Object(entry) as { offer?: unknown; description?: unknown };
    if (typeof offer !== "number" || !Number.isInteger(offer) || offer < 0 || seen.has(offer)) {
      throw new SignallingError("An offer has no number of its own.");
    }
    seen.add(offer);
    return { offer, description };
  });
  if (found.length === 0) throw new SignallingError("A match holds no offer.");
  return found;
}

function socketUrl(value: unknown): string {
  const given = text(value);
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw new SignallingError("A WebSocket's URL cannot be read.");
  }
  const plain = url.username === "" && url.password === "" && url.search === "" && !given.includes("#");
  if ((url.protocol !== "wss:" && url.protocol !== "ws:") || !plain) {
    throw new SignallingError("A WebSocket's URL is not one.");
  }
  return given.replace(/\/$/, "");
}
