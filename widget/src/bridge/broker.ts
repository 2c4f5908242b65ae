/** The hop to the broker: config, one WebSocket, matches in and answers out, and coming back after every loss. */

import { backoffMs } from "./backoff.js";
import type { Bridge } from "./bridge.js";
import { LIMITS, type Limits } from "./limits.js";
import type { BrokerPhase, Reason } from "../helping/states.js";
import { isOperatorsGateway, parseDown, readConfig, type ErrorCode, type Hello, type OperatorConfig, type Up } from "../wire/messages.js";

/** What the browser gives; tests bring their own. */
export interface Net {
  fetch(url: string, init: RequestInit): Promise<Response>;
  socket(url: string): WebSocket;
  online(): boolean;
  random(): number;
  /** Milliseconds, for telling sleep from waiting. */
  now(): number;
}

export const BROWSER_NET: Net = {
  fetch: (url, init) => fetch(url, init),
  socket: (url) => new WebSocket(url),
  online: () => navigator.onLine,
  random: () => Math.random(),
  now: () => Date.now(),
};

/** What the page tells the broker of itself, where it knows. */
export type Introduction = Partial<Pick<Hello, "nat" | "salt" | "swarm">>;

const REASONS: Readonly<Record<ErrorCode, Reason>> = {
  full: "full",
  limited: "full",
  swarm: "private",
  version: "version",
  malformed: "protocol",
};

type Timer = ReturnType<typeof setTimeout>;

export class BrokerClient {
  readonly #operator: string;
  readonly #bridge: Bridge;
  readonly #net: Net;
  readonly #limits: Limits;
  readonly #onPhase: (phase: BrokerPhase) => void;
  readonly #introduction: () => Introduction | Promise<Introduction>;
  /** What this connection was begun with. */
  #introduced: Introduction = {};
  #attempt: AbortController | undefined;
  #socket: WebSocket | undefined;
  #config: OperatorConfig | undefined;
  /** The asking for a newer config that was begun last, and when. */
  #renewal: Promise<void> | undefined;
  #renewedAt = -Infinity;
  #timer: Timer | undefined;
  #sleepTimer: ReturnType<typeof setInterval> | undefined;
  #failures = 0;
  #readyAt: number | undefined;
  #toldRoom = "";
  #complaint: Reason = "";
  #stopped = false;

  /**
   * @param operator Base URL of the operator, without a slash at its end.
   * @param introduction Asked for at each connection.
   */
  constructor(
    operator: string,
    bridge: Bridge,
    onPhase: (phase: BrokerPhase) => void,
    net: Net,
    introduction: () => Introduction | Promise<Introduction> = () => ({}),
    limits: Limits = LIMITS,
  ) {
    this.#operator = operator;
    this.#bridge = bridge;
    this.#onPhase = onPhase;
    this.#net = net;
    this.#introduction = introduction;
    this.#limits = limits;
  }

  /** Connects, and reconnects until `stop`; also after one. */
  start(): void {
    this.#stopped = false;
    this.#onPhase({ phase: "connecting" });
    void this.#connect();
  }

  /** Nothing of it is left when this returns. */
  stop(): void {
    this.#stopped = true;
    this.#drop();
  }

  /** The network or the computer has come back: what looks connected may be dead, so start anew. */
  reconnectNow(): void {
    if (this.#stopped) return;
    this.#failures = 0;
    this.#drop();
    void this.#connect();
  }

  /** The network went away: lanes may live on, the broker's connection is not worth waiting for. */
  networkLost(): void {
    if (!this.#stopped) this.#lost("offline");
  }

  /** Tells the broker how much room there is, if it has changed. */
  tellRoom(): void {
    if (this.#readyAt === undefined) return;
    const room = this.#bridge.roomToTell;
    const told = `${room.free}/${room.readers}`;
    if (told === this.#toldRoom) return;
    this.#toldRoom = told;
    this.#send({ type: "capacity", free: room.free, readers: room.readers });
  }

  async #connect(): Promise<void> {
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#complaint = "";
    this.#timer = setTimeout(() => this.#lost("unreachable"), this.#limits.connectTimeoutMs);
    try {
      const config = await this.#fetchConfig(attempt.signal);
      if (attempt.signal.aborted) return;
      const said = this.#introduction();
      this.#introduced = said instanceof Promise ? await said : said;
      if (attempt.signal.aborted) return;
      // A broker that knows nothing of private bridges would give this one to everybody.
      if (this.#introduced.swarm !== undefined && !config.swarms) return this.#lost("private");
      this.#config = config;
      this.#openSocket(config);
    } catch (error) {
      if (!attempt.signal.aborted) this.#lost(error instanceof Error && error.name === "SignallingError" ? "protocol" : "unreachable");
    }
  }

  async #fetchConfig(signal: AbortSignal): Promise<OperatorConfig> {
    const response = await this.#net.fetch(`${this.#operator}/v1/config`, {
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal,
    });
    if (!response.ok) throw new Error("The operator did not give its config.");
    return readConfig(response, this.#operator);
  }

  /** The operator may have added a gateway since. It is asked now and then only, whatever a broker says. */
  async #renewConfig(): Promise<void> {
    const now = this.#net.now();
    if (now - this.#renewedAt >= this.#limits.configAgainMs) {
      this.#renewedAt = now;
      this.#renewal = this.#readConfigAgain();
    }
    await this.#renewal;
  }

  async #readConfigAgain(): Promise<void> {
    const attempt = this.#attempt;
    if (!attempt) return;
    const late = new AbortController();
    const giveUp = (): void => late.abort();
    const timer = setTimeout(giveUp, this.#limits.configWaitMs);
    attempt.signal.addEventListener("abort", giveUp);
    try {
      const config = await this.#fetchConfig(late.signal);
      if (!late.signal.aborted) this.#config = config;
    } catch {
      // What was allowed before still is.
    } finally {
      clearTimeout(timer);
      attempt.signal.removeEventListener("abort", giveUp);
    }
  }

  #openSocket(config: OperatorConfig): void {
    const socket = this.#net.socket(config.bridgeSocket);
    this.#socket = socket;
    socket.onopen = () => {
      const { capacity, maxReaders: readers } = this.#bridge;
      this.#send({ type: "hello", v: 1, client: "page", nat: "unknown", capacity, readers, ...this.#introduced });
      this.#toldRoom = `${capacity}/${readers}`;
    };
    socket.onmessage = (event: MessageEvent<unknown>) => this.#receive(event.data);
    socket.onclose = () => this.#lost(this.#complaint || "unreachable");
  }

  #receive(data: unknown): void {
    let message;
    try {
      message = parseDown(data);
    } catch {
      return this.#lost("protocol");
    }
    switch (message.type) {
      case "ready":
        return this.#ready(message.invite);
      case "match":
        return void this.#answer(message);
      case "cancel":
        return this.#bridge.cancel(message.match);
      case "error":
        this.#complaint = REASONS[message.code];
        return;
    }
  }

  #ready(invite: string | undefined): void {
    if (this.#introduced.swarm !== undefined && invite === undefined) return this.#lost("private");
    clearTimeout(this.#timer);
    this.#readyAt = this.#net.now();
    this.#watchSleep();
    this.#onPhase(invite === undefined ? { phase: "ready" } : { phase: "ready", invite });
    this.tellRoom();
  }

  async #answer(match: Parameters<Bridge["take"]>[0]): Promise<void> {
    const socket = this.#socket;
    if (this.#config && !isOperatorsGateway(match.gateway, this.#config.gateways)) await this.#renewConfig();
    const config = this.#config;
    if (!config || socket !== this.#socket) return;
    const answers = await this.#bridge.take(match, config);
    // A broker that came back does not know the matches of before.
    const told = socket === this.#socket && this.#send({ type: "answers", match: match.match, answers });
    if (!told) return this.#bridge.cancel(match.match);
    // The broker took the lanes off by itself, so it needs to hear even that nothing has changed.
    this.#toldRoom = "";
    this.#bridge.answered(match.match);
  }

  #send(message: Up): boolean {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #watchSleep(): void {
    let last = this.#net.now();
    clearInterval(this.#sleepTimer);
    this.#sleepTimer = setInterval(() => {
      const now = this.#net.now();
      const slept = now - last > this.#limits.sleepGapMs;
      last = now;
      if (slept) this.reconnectNow();
    }, this.#limits.sleepCheckMs);
  }

  #lost(reason: Reason): void {
    const steady = this.#readyAt !== undefined && this.#net.now() - this.#readyAt >= this.#limits.steadyMs;
    this.#failures = steady ? 1 : this.#failures + 1;
    this.#drop();
    this.#timer = setTimeout(() => void this.#connect(), backoffMs(this.#failures, this.#net.random(), this.#limits));
    this.#onPhase({ phase: "lost", reason: this.#net.online() ? reason : "offline" });
  }

  #drop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#sleepTimer);
    this.#attempt?.abort();
    this.#readyAt = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
