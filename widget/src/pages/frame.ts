/**
 * What the switch in a frame tells the page around it: how high it is, and its state. Pure; embed.ts has the page's parts.
 *
 * Nothing is told to a page that has not asked. It asks with `{unwalled: 1, type: "hello"}`; the browser says from which
 * origin, and all that follows is addressed to that origin alone, so that no other page can ever get it. Only the page that
 * holds the frame may ask, and the first origin that asked is the only one. The page around learns
 * nothing of who is helped; but `helping` against `waiting` tells it that somebody reads, and when.
 */

export interface Told {
  /** CSS pixels. */
  readonly height: number;
  /** The element's state. */
  readonly state: string;
}

export type Message = { readonly unwalled: 1; readonly type: "size"; readonly height: number } | { readonly unwalled: 1; readonly type: "state"; readonly state: string };

export interface Asked {
  readonly data: unknown;
  readonly origin: string;
  /** Whether it came from the window that holds this frame. */
  readonly fromParent: boolean;
}

export class FrameTalk {
  readonly #send: (message: Message, origin: string) => void;
  readonly #framedBy: string | undefined;
  #origin: string | undefined;
  #told: Partial<Told> = {};
  #now: Told;

  /**
   * @param framedBy The origin of the page around as the browser tells it, where it does; nobody else is believed then.
   * @param send Gives a message to the page around, if that is of this origin.
   */
  constructor(now: Told, framedBy: string | undefined, send: (message: Message, origin: string) => void) {
    this.#now = now;
    this.#framedBy = framedBy;
    this.#send = send;
  }

  /** A message has come. Answers whether it was a hello that counts. */
  receive({ data, origin, fromParent }: Asked): boolean {
    if (!fromParent || !isHello(data) || !isOrigin(origin)) return false;
    if (this.#framedBy !== undefined && origin !== this.#framedBy) return false;
    if (this.#origin !== undefined && origin !== this.#origin) return false;
    this.#origin = origin;
    // Who asks again has lost what it was told.
    this.#told = {};
    this.#tell();
    return true;
  }

  /** Something may have changed. */
  update(now: Told): void {
    this.#now = now;
    this.#tell();
  }

  #tell(): void {
    const origin = this.#origin;
    if (origin === undefined) return;
    const { height, state } = this.#now;
    if (this.#told.height !== height) this.#send({ unwalled: 1, type: "size", height }, origin);
    if (this.#told.state !== state) this.#send({ unwalled: 1, type: "state", state }, origin);
    this.#told = this.#now;
  }
}

function isHello(data: unknown): boolean {
  const { unwalled, type } = Object(data) as { unwalled?: unknown; type?: unknown };
  return unwalled === 1 && type === "hello";
}

/** A page without an origin of its own ("null": a file, a sandbox) could not be told apart from any other such page. */
function isOrigin(origin: string): boolean {
  return /^https?:\/\/[^/]+$/.test(origin);
}
