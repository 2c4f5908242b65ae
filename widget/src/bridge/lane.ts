/** One lane in the browser: a peer connection made by a reader's offer, joined to one WebSocket to the gateway. */

import { LIMITS, type Limits } from "./limits.js";
import { type Pool, Relay, type RelayEnd } from "./relay.js";
import type { Throttle } from "./throttle.js";
import { fromSdp, toSdp, type LaneDescription } from "../wire/description.js";

/** What the browser gives; tests bring their own. */
export interface Transports {
  connect(stun: readonly string[]): RTCPeerConnection;
  socket(url: string): WebSocket;
  /** Lets the page do what else it has to do. Not by a timer, which may be held back. */
  breathe(): Promise<void>;
  /** Whether timers may be held back because nobody looks at the page. */
  hidden(): boolean;
}

export const BROWSER_TRANSPORTS: Transports = {
  connect: (stun) => new RTCPeerConnection(stun.length === 0 ? {} : { iceServers: [{ urls: [...stun] }] }),
  socket: (url) => new WebSocket(url),
  breathe,
  hidden: () => document.hidden,
};

function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}

export interface LaneOptions {
  readonly gateway: string;
  readonly stun: readonly string[];
  readonly allowPrivate: boolean;
  /** Both sides are open: from now on the lane helps somebody. */
  readonly onOpen: () => void;
  /** The lane carries nothing any more, whoever closed it. Called once. */
  readonly onEnd: (reason: RelayEnd) => void;
  /** Nothing of the lane is left in the browser. Called once, with `onEnd` or up to `closeGraceMs` later. */
  readonly onGone: () => void;
  readonly transports: Transports;
  readonly throttle?: Throttle | undefined;
  readonly pool?: Pool | undefined;
  readonly limits?: Limits;
}

export class Lane {
  readonly #options: LaneOptions;
  readonly #limits: Limits;
  readonly #peer: RTCPeerConnection;
  readonly #socket: WebSocket;
  readonly #relay: Relay;
  readonly #openTimer: ReturnType<typeof setTimeout>;
  #channel: RTCDataChannel | undefined;
  #graceTimer: ReturnType<typeof setTimeout> | undefined;
  #gone = false;
  #stopAnswering: (() => void) | undefined;

  /** Starts towards the gateway at once, so that the WebSocket opens while WebRTC is being agreed on. */
  constructor(options: LaneOptions) {
    this.#options = options;
    this.#limits = options.limits ?? LIMITS;
    this.#relay = new Relay((reason) => this.#ended(reason), this.#limits, options.throttle, options.pool);
    this.#peer = options.transports.connect(options.stun);
    this.#peer.ondatachannel = (event) => this.#adopt(event.channel);
    this.#peer.onconnectionstatechange = () => {
      if (this.#peer.connectionState === "failed" || this.#peer.connectionState === "closed") this.#relay.end("closed");
    };
    try {
      this.#socket = this.#openSocket(options.gateway);
    } catch (error) {
      this.#peer.close();
      throw error;
    }
    this.#openTimer = setTimeout(() => this.#relay.end("timeout"), this.#limits.openTimeoutMs);
  }

  /** Both sides are open. */
  get open(): boolean {
    return this.#relay.joined;
  }

  get ended(): boolean {
    return this.#relay.ended;
  }

  get bytesUp(): number {
    return this.#relay.bytesUp;
  }

  get bytesDown(): number {
    return this.#relay.bytesDown;
  }

  /**
   * Answers the reader's checked offer with all addresses that are found soon (not trickled).
   *
   * Rejects when the browser refuses the offer, or when the lane ends meanwhile.
   */
  async answer(offer: LaneDescription): Promise<LaneDescription> {
    const ended = new Promise<never>((_, reject) => {
      this.#stopAnswering = () => reject(new Error("The lane ended before it was answered."));
      if (this.#relay.ended) this.#stopAnswering();
    });
    // What a closed connection was asked never settles.
    return await Promise.race([ended, this.#negotiate(offer)]);
  }

  /** Closes both sides; those with something to say may finish within `closeGraceMs`. */
  close(): void {
    this.#relay.end("stopped");
  }

  /** Closes both sides, and nothing of them is left when this returns. */
  abort(): void {
    this.#relay.end("stopped");
    this.#cut();
  }

  async #negotiate(offer: LaneDescription): Promise<LaneDescription> {
    const peer = this.#peer;
    await peer.setRemoteDescription({ type: "offer", sdp: toSdp(offer) });
    await peer.setLocalDescription(await peer.createAnswer());
    // Without STUN a page finds only its own addresses, which browsers hide behind names that no description may have.
    if (this.#options.stun.length > 0) await this.#gathered();
    return fromSdp(peer.localDescription?.sdp ?? "", "answer", this.#options.allowPrivate);
  }

  #openSocket(url: string): WebSocket {
    const socket = this.#options.transports.socket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened("gateway", socket);
    socket.onmessage = (event: MessageEvent<unknown>) => this.#relay.receive("gateway", event.data);
    socket.onclose = () => this.#relay.end("closed");
    return socket;
  }

  #adopt(channel: RTCDataChannel): void {
    const reliable = channel.ordered && channel.maxRetransmits === null && channel.maxPacketLifeTime === null;
    if (this.#channel !== undefined || channel.label !== "data" || !reliable) return this.#relay.end("closed");
    this.#channel = channel;
    channel.binaryType = "arraybuffer";
    channel.onmessage = (event: MessageEvent<unknown>) => this.#relay.receive("reader", event.data);
    channel.onclose = () => (this.#relay.ended ? this.#cut() : this.#relay.end("closed"));
    if (channel.readyState === "open") this.#opened("reader", channel);
    else channel.onopen = () => this.#opened("reader", channel);
  }

  #opened(side: "reader" | "gateway", port: RTCDataChannel | WebSocket): void {
    this.#relay.open(side, port);
    if (!this.#relay.joined) return;
    clearTimeout(this.#openTimer);
    this.#options.onOpen();
  }

  #ended(reason: RelayEnd): void {
    clearTimeout(this.#openTimer);
    this.#stopAnswering?.();
    this.#options.onEnd(reason);
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
    const channel = this.#channel;
    if (channel?.readyState === "open") {
      // What the gateway said last may still be on its way: the channel's own close waits for it, the connection's does not.
      channel.onmessage = channel.onopen = null;
      channel.close();
      this.#graceTimer = setTimeout(() => this.#cut(), this.#limits.closeGraceMs);
    } else {
      this.#cut();
    }
  }

  #cut(): void {
    if (this.#gone) return;
    this.#gone = true;
    clearTimeout(this.#graceTimer);
    this.#peer.ondatachannel = this.#peer.onconnectionstatechange = this.#peer.onicecandidate = null;
    this.#peer.onicegatheringstatechange = null;
    if (this.#channel) this.#channel.onclose = this.#channel.onopen = this.#channel.onmessage = null;
    this.#peer.close();
    this.#options.onGone();
  }

  /** Resolves when enough addresses are known. */
  #gathered(): Promise<void> {
    const peer = this.#peer;
    const { transports } = this.#options;
    return new Promise((resolve) => {
      let quiet: ReturnType<typeof setTimeout> | undefined;
      const most = setTimeout(done, this.#limits.gatherMaxMs);
      function done(): void {
        clearTimeout(most);
        clearTimeout(quiet);
        peer.onicecandidate = peer.onicegatheringstatechange = null;
        resolve();
      }
      if (peer.iceGatheringState === "complete") return done();
      peer.onicegatheringstatechange = () => {
        if (peer.iceGatheringState === "complete") done();
      };
      peer.onicecandidate = ({ candidate }) => {
        if (candidate === null) return done();
        // In a hidden page the short timer may take a minute; one address that others can reach is enough there.
        if (candidate.type === "srflx" && transports.hidden()) return done();
        quiet ??= setTimeout(done, this.#limits.gatherQuietMs);
      };
    });
  }
}
