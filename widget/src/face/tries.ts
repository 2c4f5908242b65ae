/** When something that could not be loaded may be tried once more: later and later, and in the end never. Pure. */

import { backoffMs } from "../bridge/backoff.js";
import { LIMITS } from "../bridge/limits.js";

/** With the waits between them, about a quarter of an hour. */
const MAX_TRIES = 20;

export class Tries {
  #failures = 0;
  #notBeforeMs = 0;

  due(nowMs: number): boolean {
    return nowMs >= this.#notBeforeMs;
  }

  /** @param random Between 0 and 1. */
  failed(nowMs: number, random: number): void {
    this.#failures += 1;
    this.#notBeforeMs = this.#failures < MAX_TRIES ? nowMs + backoffMs(this.#failures, random, LIMITS) : Infinity;
  }

  /** Another try cannot help. */
  giveUp(): void {
    this.#notBeforeMs = Infinity;
  }
}
