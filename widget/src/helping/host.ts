/** What helping needs of its browser, in one place; tests bring their own. */

import { BROWSER_NET, type Net } from "../bridge/broker.js";
import { BROWSER_TRANSPORTS, type Transports } from "../bridge/lane.js";
import { BROWSER_CLOCK, type Clock } from "../bridge/throttle.js";
import type { Vault } from "./purse.js";
import { Surroundings } from "./surroundings.js";
import type { Locks } from "./turn.js";
import { BrowserVault } from "./vault.js";
import { BROWSER_WINDOWS, type Windows } from "./window.js";

/** What the page sees around it. */
export interface Around {
  readonly hidden: boolean;
  readonly away: boolean;
  readonly charging: boolean | undefined;
  readonly costly: boolean | undefined;
  watchPower(): void;
  end(): void;
}

export interface Host {
  readonly net: Net;
  readonly transports: Transports;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  now(): number;
  around(onChange: () => void): Around;
  vault(): Vault;
  readonly locks: Locks | undefined;
  readonly windows: Windows;
  /** The network comes and goes. Gives what ends that. */
  onNetwork(changed: (online: boolean) => void): () => void;
  /** Before the page is closed the browser asks whether the visitor means it. Gives what ends that. */
  askBeforeClosing(onAsked: () => void): () => void;
}

export const BROWSER_HOST: Host = {
  net: BROWSER_NET,
  transports: BROWSER_TRANSPORTS,
  clock: BROWSER_CLOCK,
  now: () => Date.now(),
  around: (onChange) => new Surroundings(onChange),
  vault: () => new BrowserVault(),
  get locks() {
    // Only on pages that came over https.
    return (navigator as { locks?: Locks }).locks;
  },
  windows: BROWSER_WINDOWS,
  onNetwork(changed) {
    const listening = new AbortController();
    addEventListener("online", () => changed(true), listening);
    addEventListener("offline", () => changed(false), listening);
    return () => listening.abort();
  },
  askBeforeClosing(onAsked) {
    const listening = new AbortController();
    const ask = (event: BeforeUnloadEvent): void => {
      event.preventDefault();
      onAsked();
    };
    addEventListener("beforeunload", ask, listening);
    return () => listening.abort();
  },
};
