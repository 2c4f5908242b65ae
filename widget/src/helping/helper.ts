/** One stretch of being connected: joins broker and bridge, and comes back when the network does. */

import { Bridge, type Counts, type Guest } from "../bridge/bridge.js";
import { BrokerClient, type Introduction } from "../bridge/broker.js";
import type { Throttle } from "../bridge/throttle.js";
import type { Host } from "./host.js";
import type { BrokerPhase } from "./states.js";

export interface HelperOptions {
  readonly operator: string;
  readonly maxReaders: number;
  readonly throttle: Throttle;
  readonly introduction: () => Introduction | Promise<Introduction>;
  readonly host: Host;
  /** Something that is shown has changed. */
  readonly onChange: () => void;
}

export class Helper {
  readonly #host: Host;
  #stopListening: () => void = () => undefined;
  readonly #bridge: Bridge;
  readonly #brokerClient: BrokerClient;
  #broker: BrokerPhase = { phase: "connecting" };

  constructor({ operator, maxReaders, throttle, introduction, host, onChange }: HelperOptions) {
    const bridge = new Bridge(
      host.transports,
      maxReaders,
      () => {
        this.#brokerClient.tellRoom();
        onChange();
      },
      throttle,
    );
    this.#bridge = bridge;
    const onPhase = (phase: BrokerPhase): void => {
      // A try that follows a loss is no news to a person until it succeeds.
      this.#broker = phase;
      onChange();
    };
    this.#brokerClient = new BrokerClient(operator, bridge, onPhase, host.net, introduction);
    this.#host = host;
  }

  /** Connects, also after `drain`. Apart from the constructor, because it tells of changes at once. */
  start(): void {
    this.#stopListening = this.#host.onNetwork((online) => {
      if (online) this.#brokerClient.reconnectNow();
      else this.#brokerClient.networkLost();
    });
    this.#brokerClient.start();
  }

  get broker(): BrokerPhase {
    return this.#broker;
  }

  get counts(): Counts {
    return this.#bridge.counts;
  }

  /** Who has an open lane. */
  get guests(): readonly Guest[] {
    return this.#bridge.guests;
  }

  set maxReaders(count: number) {
    this.#bridge.maxReaders = count;
  }

  /** Introduces itself to the broker anew, with what has become known meanwhile. Lanes live on. */
  reconnect(): void {
    this.#brokerClient.reconnectNow();
  }

  /** Takes nobody new; who is here stays until they leave. */
  drain(): void {
    this.#stopListening();
    this.#brokerClient.stop();
  }

  /** Ends everything for good; no connection, timer or listener is left when this returns. */
  end(): void {
    this.drain();
    this.#bridge.close();
  }
}
