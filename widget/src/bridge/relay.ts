/**
 * The heart of a bridge: joins two message ports, one for one, and keeps the rules of docs/protocol/lane.md. Pure.
 *
 * Messages that arrive before the other port is open, or faster than the volunteer allows, are held. Nothing here can push
 * back on a sender, so what is held and what a port has not sent yet is bounded, and a lane that goes past the bound ends.
 */

import { LIMITS, type Limits } from "./limits.js";
import type { Throttle, Waiting } from "./throttle.js";

export type Side = "reader" | "gateway";

/** The sending half of a data channel or a WebSocket. */
export interface Port {
  /** Bytes given to `send` that have not left yet. */
  readonly bufferedAmount: number;
  /** May throw when the transport is closing or its own buffer is full. */
  send(message: ArrayBuffer): void;
}

/** What all relays of a page hold together. */
export class Pool {
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(mostBytes: number = LIMITS.maxPageBufferBytes) {
    this.#mostBytes = mostBytes;
  }

  /** Not held by anybody. A direction may hold as much as is free beside it, so that those who hold much leave room for the others. */
  get freeBytes(): number {
    return this.#mostBytes - this.#bytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }
}

export type RelayEnd = "text" | "empty" | "oversized" | "overflow" | "closed" | "timeout" | "stopped";

export class Relay {
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #onEnd: (reason: RelayEnd) => void;
  readonly #limits: Limits;
  #ended = false;

  /**
   * @param onEnd Called once, whoever ends the relay; both transports are to be closed then.
   * @param throttle What all relays of the page may pass on together; undefined for as fast as it goes.
   * @param pool What all relays of the page hold together.
   */
  constructor(onEnd: (reason: RelayEnd) => void, limits: Limits = LIMITS, throttle?: Throttle, pool = new Pool(limits.maxPageBufferBytes)) {
    this.#onEnd = onEnd;
    this.#limits = limits;
    const end = (reason: RelayEnd): void => this.end(reason);
    this.#up = new Direction(end, limits, throttle, pool);
    this.#down = new Direction(end, limits, throttle, pool);
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
    return this.#up.isOpen && this.#down.isOpen;
  }

  /** The port of one side has opened: what was held for it goes out. */
  open(side: Side, port: Port): void {
    if (!this.#ended) (side === "gateway" ? this.#up : this.#down).open(port);
  }

  /** A message has arrived on the port of one side. Anything but an ArrayBuffer ends the relay. */
  receive(from: Side, data: unknown): void {
    if (this.#ended) return;
    if (!(data instanceof ArrayBuffer)) return this.end("text");
    if (data.byteLength === 0) return this.end("empty");
    if (data.byteLength > this.#limits.maxMessageBytes) return this.end("oversized");
    (from === "reader" ? this.#up : this.#down).receive(data);
  }

  /** Ends the relay and forgets what is held. Calling it again does nothing. */
  end(reason: RelayEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#up.close();
    this.#down.close();
    this.#onEnd(reason);
  }
}

/** One way through a relay. */
class Direction implements Waiting {
  readonly #end: (reason: RelayEnd) => void;
  readonly #limits: Limits;
  readonly #throttle: Throttle | undefined;
  readonly #pool: Pool;
  #to: Port | undefined;
  #held: ArrayBuffer[] = [];
  /** Where in `#held` the next message is: taking it off the front of a long list would move all others. */
  #next = 0;
  #heldBytes = 0;
  #queued = false;
  bytes = 0;

  constructor(end: (reason: RelayEnd) => void, limits: Limits, throttle: Throttle | undefined, pool: Pool) {
    this.#end = end;
    this.#limits = limits;
    this.#throttle = throttle;
    this.#pool = pool;
  }

  get isOpen(): boolean {
    return this.#to !== undefined;
  }

  get nextBytes(): number {
    return this.#held[this.#next]?.byteLength ?? 0;
  }

  open(port: Port): void {
    this.#to = port;
    this.#flush();
  }

  receive(message: ArrayBuffer): void {
    const port = this.#to;
    if (port && this.nextBytes === 0 && (this.#throttle?.take(message.byteLength) ?? true)) return this.#pass(port, message);
    const bytes = message.byteLength + this.#limits.heldMessageBytes;
    const most = Math.min(this.#limits.maxLaneBufferBytes - (port?.bufferedAmount ?? 0), this.#pool.freeBytes);
    if (this.#heldBytes + bytes > most) return this.#end("overflow");
    this.#held.push(message);
    this.#count(bytes);
    if (port) this.#flush();
  }

  sendNext(): void {
    const message = this.#held[this.#next];
    const port = this.#to;
    if (!message || !port) return;
    this.#count(-message.byteLength - this.#limits.heldMessageBytes);
    this.#next += 1;
    if (this.#next === this.#held.length) {
      this.#held = [];
      this.#next = 0;
    } else if (this.#next > this.#held.length / 2) {
      this.#held = this.#held.slice(this.#next);
      this.#next = 0;
    }
    this.#queued = this.nextBytes > 0;
    this.#pass(port, message);
  }

  close(): void {
    this.#to = undefined;
    this.#held = [];
    this.#next = 0;
    this.#count(-this.#heldBytes);
  }

  #count(bytes: number): void {
    this.#heldBytes += bytes;
    this.#pool.add(bytes);
  }

  #flush(): void {
    const throttle = this.#throttle;
    if (this.#queued) return throttle?.pump();
    while (this.nextBytes > 0) {
      if (throttle && !throttle.take(this.nextBytes)) {
        this.#queued = true;
        return throttle.wait(this);
      }
      this.sendNext();
    }
  }

  #pass(port: Port, message: ArrayBuffer): void {
    if (port.bufferedAmount + message.byteLength > this.#limits.maxLaneBufferBytes) return this.#end("overflow");
    const length = message.byteLength;
    try {
      port.send(message);
    } catch {
      return this.#end("closed");
    }
    this.bytes += length;
  }
}
