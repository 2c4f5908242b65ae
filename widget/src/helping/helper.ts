/** One stretch of helping, from the switch being turned on until it is turned off: joins broker, bridge and page. */

import { Bridge, type Counts } from "../bridge/bridge.js";
import { BrokerClient, type Net } from "../bridge/broker.js";
import type { Transports } from "../bridge/lane.js";
import type { BrokerPhase, Reason } from "./states.js";

export interface HelperOptions {
  readonly operator: string;
  readonly maxReaders: number;
  readonly pauseHidden: boolean;
  readonly net: Net;
  readonly transports: Transports;
  /** Something that is shown has changed. */
  readonly onChange: () => void;
}

const NOTHING: Counts = { readers: 0, lanes: 0, bytesUp: 0, bytesDown: 0 };

export class Helper {
  readonly since = new Date();
  readonly #options: HelperOptions;
  readonly #listening = new AbortController();
  #maxReaders: number;
  #pauseHidden: boolean;
  #away = false;
  #running: { readonly bridge: Bridge; readonly broker: BrokerClient } | undefined;
  #broker: BrokerPhase = { phase: "connecting" };
  #before: Counts = NOTHING;

  constructor(options: HelperOptions) {
    this.#options = options;
    this.#maxReaders = options.maxReaders;
    this.#pauseHidden = options.pauseHidden;
    const { signal } = this.#listening;
    addEventListener("online", () => this.#running?.broker.reconnectNow(), { signal });
    addEventListener("offline", () => this.#running?.broker.networkLost(), { signal });
    // A page that is kept for the back button must hold no connection.
    addEventListener("pagehide", () => this.#setAway(true), { signal });
    addEventListener("pageshow", () => this.#setAway(false), { signal });
    document.addEventListener("visibilitychange", () => this.#apply(), { signal });
    this.#apply();
  }

  get broker(): BrokerPhase {
    return this.#broker;
  }

  /** Why nothing is done just now, or "". */
  get pause(): Reason {
    return this.#away || (this.#pauseHidden && document.hidden) ? "hidden" : "";
  }

  get counts(): Counts {
    const now = this.#running?.bridge.counts ?? NOTHING;
    return { ...now, bytesUp: now.bytesUp + this.#before.bytesUp, bytesDown: now.bytesDown + this.#before.bytesDown };
  }

  set maxReaders(count: number) {
    this.#maxReaders = count;
    if (this.#running) this.#running.bridge.maxReaders = count;
  }

  set pauseHidden(value: boolean) {
    this.#pauseHidden = value;
    this.#apply();
  }

  /** Ends everything for good; no connection, timer or listener is left when this returns. */
  end(): void {
    this.#listening.abort();
    this.#halt();
  }

  #setAway(away: boolean): void {
    this.#away = away;
    this.#apply();
  }

  #apply(): void {
    if (this.pause !== "") this.#halt();
    else if (!this.#running) this.#run();
    this.#options.onChange();
  }

  #run(): void {
    const { operator, net, transports, onChange } = this.#options;
    const bridge = new Bridge(transports, this.#maxReaders, () => {
      broker.tellRoom();
      onChange();
    });
    const broker = new BrokerClient(
      operator,
      bridge,
      (phase) => {
        // A try that follows a loss is no news to a person until it succeeds.
        this.#broker = phase;
        onChange();
      },
      net,
    );
    this.#running = { bridge, broker };
    broker.start();
  }

  #halt(): void {
    const running = this.#running;
    if (!running) return;
    const { bytesUp, bytesDown } = this.counts;
    this.#before = { ...NOTHING, bytesUp, bytesDown };
    this.#running = undefined;
    running.broker.stop();
    running.bridge.close();
  }
}
