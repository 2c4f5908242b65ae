/**
 * "Can my connection help?" Asks the operator's own servers, and only when the visitor asks.
 *
 * What a page cannot find out: whether its network lets in strangers who come from a port that nobody named. So a network
 * that varies its ports is known to be a hard one, and one that does not is only likely to be an easy one.
 */

import type { Net } from "../bridge/broker.js";
import type { Transports } from "../bridge/lane.js";
import { readConfig, type OperatorConfig } from "../wire/messages.js";
import type { Findings, Verdict } from "./snapshot.js";

const ANSWER_MS = 8_000;

export interface Probes {
  readonly operator: boolean;
  readonly socket: boolean | null;
  /** What STUN servers saw, and how many of them were asked and how many failed; null when there are none to ask. */
  readonly stun: StunAnswers | null;
}

export interface StunAnswers {
  readonly asked: number;
  readonly failed: number;
  /** Address and port as seen from outside, each once. */
  readonly seen: readonly { readonly address: string; readonly port: number }[];
}

/** What the answers mean. Pure. */
export function judge({ operator, socket, stun }: Probes): Findings {
  const udp = stun && stun.seen.length > 0;
  const varying = stun && udp ? isVarying(stun) : null;
  return { verdict: verdictOf(operator, socket, udp, varying), operator, socket, udp, varying };
}

function verdictOf(operator: boolean, socket: boolean | null, udp: boolean | null, varying: boolean | null): Verdict {
  if (!operator || socket === false || udp === false) return "none";
  if (udp === null) return "unknown";
  return varying === false ? "good" : "some";
}

/** One port for all who ask, or one for each? Null when fewer than two answered. */
function isVarying({ asked, failed, seen }: StunAnswers): boolean | null {
  const addresses = new Set(seen.map(({ address }) => address));
  // The browser drops an answer that says the same as another one, so that silence means: the same.
  if (seen.length > addresses.size) return true;
  return asked - failed >= 2 ? false : null;
}

export interface CheckOptions {
  readonly operator: string;
  readonly net: Net;
  readonly transports: Transports;
}

/** Never rejects; takes at most some seconds. */
export async function check({ operator, net, transports }: CheckOptions): Promise<Findings> {
  const config = await configOf(operator, net);
  if (!config) return judge({ operator: false, socket: null, stun: null });
  const [socket, stun] = await Promise.all([socketOpens(net, config.bridgeSocket), askStun(transports, config.stun)]);
  return judge({ operator: true, socket, stun });
}

async function configOf(operator: string, net: Net): Promise<OperatorConfig | undefined> {
  try {
    const response = await net.fetch(`${operator}/v1/config`, {
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return response.ok ? await readConfig(response, operator) : undefined;
  } catch {
    return undefined;
  }
}

function socketOpens(net: Net, url: string): Promise<boolean> {
  return new Promise((resolve) => {
    let socket: WebSocket;
    try {
      socket = net.socket(url);
    } catch {
      return resolve(false);
    }
    const timer = setTimeout(() => done(false), ANSWER_MS);
    function done(opened: boolean): void {
      clearTimeout(timer);
      socket.onopen = socket.onclose = null;
      socket.close();
      resolve(opened);
    }
    socket.onopen = () => done(true);
    socket.onclose = () => done(false);
  });
}

/** Servers reached over TCP say nothing about UDP. */
function askStun(transports: Transports, urls: readonly string[]): Promise<StunAnswers | null> {
  const asked = urls.filter((url) => url.startsWith("stun:") && !url.endsWith("?transport=tcp"));
  if (asked.length === 0) return Promise.resolve(null);
  return new Promise((resolve) => {
    const failed = new Set<string>();
    const seen = new Map<string, { address: string; port: number }>();
    const peer = transports.connect(asked);
    const timer = setTimeout(done, ANSWER_MS);
    function done(): void {
      clearTimeout(timer);
      peer.onicecandidate = peer.onicecandidateerror = null;
      peer.close();
      resolve({ asked: asked.length, failed: failed.size, seen: [...seen.values()] });
    }
    peer.onicecandidate = ({ candidate }) => {
      if (candidate === null) return done();
      const { type, address, port, protocol } = candidate;
      if (type === "srflx" && protocol === "udp" && address !== null && port !== null) seen.set(`${address} ${port}`, { address, port });
    };
    peer.onicecandidateerror = ({ url }) => {
      // A device with two networks can fail on one of them alone; then its other answer counts.
      if (url) failed.add(url);
    };
    peer.createDataChannel("data");
    peer.createOffer().then((offer) => peer.setLocalDescription(offer)).catch(done);
  });
}
