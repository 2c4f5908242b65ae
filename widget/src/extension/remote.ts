/** A volunteer who helps in another of the extension's pages, seen from one that shows it. */

import type { Driver } from "../face/details.js";
import type { Snapshot, Wishes } from "../helping/snapshot.js";
import { FACE, WAKE, type News, type Wish } from "./messages.js";

const TRY_AGAIN_MS = 500;

/** The connection to the page that helps. It starts that page when it is not there, and again when it goes away. */
export class Remote {
  readonly #onNews: (news: News) => void;
  #port: ExtensionPort | undefined;
  #news: News | undefined;

  constructor(onNews: (news: News) => void) {
    this.#onNews = onNews;
    void this.#connect();
  }

  get news(): News | undefined {
    return this.#news;
  }

  say(wish: Wish): void {
    this.#port?.postMessage(wish);
  }

  async #connect(): Promise<void> {
    const there = await chrome.runtime.sendMessage(WAKE).catch(() => false);
    if (there !== true) return this.#later();
    const port = (this.#port = chrome.runtime.connect({ name: FACE }));
    port.onMessage.addListener((news) => {
      this.#news = news as News;
      this.#onNews(this.#news);
    });
    port.onDisconnect.addListener(() => {
      this.#port = undefined;
      this.#later();
    });
  }

  #later(): void {
    setTimeout(() => void this.#connect(), TRY_AGAIN_MS);
  }
}

/** What the face shows and drives. Only ever made once there are news. */
export class RemoteDriver implements Driver {
  readonly #remote: Remote;

  constructor(remote: Remote) {
    this.#remote = remote;
  }

  get snapshot(): Snapshot {
    const { news } = this.#remote;
    if (!news) throw new Error("Nothing is known yet.");
    return news.snapshot;
  }

  start(): void {
    this.#remote.say({ do: "start" });
  }

  stop(): void {
    this.#remote.say({ do: "stop" });
  }

  set(wishes: Partial<Wishes>): void {
    this.#remote.say({ do: "set", wishes });
  }

  set keepHelping(value: boolean) {
    this.#remote.say({ do: "keepHelping", value });
  }

  set keepNumbers(value: boolean) {
    this.#remote.say({ do: "keepNumbers", value });
  }

  set onlyKnown(value: boolean) {
    this.#remote.say({ do: "onlyKnown", value });
  }

  newLink(): void {
    this.#remote.say({ do: "newLink" });
  }

  forget(): void {
    this.#remote.say({ do: "forget" });
  }

  check(): void {
    this.#remote.say({ do: "check" });
  }

  dismissCaution(): void {
    this.#remote.say({ do: "dismissCaution" });
  }

  // What a page says about the helping in it. Here the volunteer alone says, and nothing ends when a page closes.
  set operator(_url: string | undefined) {}
  set maxReaders(_count: number) {}
  set pauseHidden(_value: boolean) {}
  openWindow(): void {}
  end(): void {}
}
