/**
 * The heart of a bridge: joins two message ports, one for one, and keeps the rules of docs/protocol/lane.md. Pure.
 *
 * Messages that arrive before the other port is open are held. Nothing here can push back on a sender, so what is held
 * and what a port has not sent yet is bounded, and a lane that goes past the bound ends.
 */

import { LIMITS, type Limits } from "./limits.js";

export type Side = "reader" | "gateway";

/** The sending half of a data channel or a WebSocket. */
export interface Port {
  /** Bytes given to `send` that have not left yet. */
  readonly bufferedAmount: number;
  /** May throw when the transport is closing or its own buffer is full. */
  send(message: ArrayBuffer): void;
}

export type RelayEnd = "text" | "empty" | "oversized" | "overflow" | "closed" | "timeout" | "stopped";

interface Direction {
  to: Port | undefined;
  held: ArrayBuffer[];
  heldBytes: number;
  bytes: number;
}

export class Relay {
  readonly #up: Direction = { to: undefined, held: [], heldBytes: 0, bytes: 0 };
  readonly #down: Direction = { to: undefined, held: [], heldBytes: 0, bytes: 0 };
  readonly #onEnd: (reason: RelayEnd) => void;
  readonly #limits: Limits;
  #ended = false;

  /** @param onEnd Called once, whoever ends the relay; both transports are to be closed then. */
  constructor(onEnd: (reason: RelayEnd) => void, limits: Limits = LIMITS) {
    this.#onEnd = onEnd;
    this.#limits = limits;
  }

  /** Bytes passed on from the reader to the gateway. */
  get bytesUp(): number {
    return this.#up.bytes;
  }

  /** Bytes passed on from the gateway to the reader. */
  get bytesDown(): number {
    return this.#down.bytes;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether both ports are open. */
  get joined(): boolean {
    return this.#up.to !== undefined && this.#down.to !== undefined;
  }

  /** The port of one side has opened: what was held for it goes out. */
  open(side: Side, port: Port): void {
    if (this.#ended) return;
    const direction = side === "gateway" ? this.#up : this.#down;
    direction.to = port;
    const held = direction.held;
    direction.held = [];
    direction.heldBytes = 0;
    for (const message of held) {
      if (this.#ended) return;
      this.#pass(direction, port, message);
    }
  }

  /** A message has arrived on the port of one side. Anything but an ArrayBuffer ends the relay. */
  receive(from: Side, data: unknown): void {
    if (this.#ended) return;
    if (!(data instanceof ArrayBuffer)) return this.end("text");
    if (data.byteLength === 0) return this.end("empty");
    if (data.byteLength > this.#limits.maxMessageBytes) return this.end("oversized");
    const direction = from === "reader" ? this.#up : this.#down;
    if (direction.to) {
      this.#pass(direction, direction.to, data);
    } else if (direction.heldBytes + data.byteLength > this.#limits.maxLaneBufferBytes) {
      this.end("overflow");
    } else {
      direction.held.push(data);
      direction.heldBytes += data.byteLength;
    }
  }

  /** Ends the relay and forgets what is held. Calling it again does nothing. */
  end(reason: RelayEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const direction of [this.#up, this.#down]) {
      direction.to = undefined;
      direction.held = [];
      direction.heldBytes = 0;
    }
    this.#onEnd(reason);
  }

  #pass(direction: Direction, port: Port, message: ArrayBuffer): void {
    if (port.bufferedAmount + message.byteLength > this.#limits.maxLaneBufferBytes) return this.end("overflow");
    const length = message.byteLength;
    try {
      port.send(message);
    } catch {
      return this.end("closed");
    }
    direction.bytes += length;
  }
}
