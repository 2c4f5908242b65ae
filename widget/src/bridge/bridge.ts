/** All lanes of a page: takes matches, keeps the volunteer's limits, counts what was carried. */

import { Lane, type Transports } from "./lane.js";
import { LIMITS, type Limits } from "./limits.js";
import { Pool } from "./relay.js";
import type { Throttle } from "./throttle.js";
import { checkDescription, type LaneDescription } from "../wire/description.js";
import { isOperatorsGateway, type Answer, type Offer, type OperatorConfig, type Refusal } from "../wire/messages.js";

export interface Match {
  readonly match: string;
  readonly gateway: string;
  readonly offers: readonly Offer[];
  /** The same in all matches of one reader; without it the match counts as a reader of its own. */
  readonly reader?: string;
  /** Where the reader is, as far as the broker tells: ISO 3166-1 alpha-2. */
  readonly country?: string;
}

export interface Room {
  /** Lanes that may be added. */
  readonly free: number;
  /** Readers that may be added. */
  readonly readers: number;
}

export interface Counts {
  /** Readers with at least one open lane. */
  readonly readers: number;
  /** Open lanes. */
  readonly lanes: number;
  /** From readers to the gateway, over all lanes since the bridge was made. */
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** One reader with an open lane. */
export interface Guest {
  /** As the broker calls the reader, or undefined if it does not say; not to be shown. */
  readonly name: string | undefined;
  /** The same as long as the reader stays. */
  readonly key: string;
  /** ISO 3166-1 alpha-2, or "" when the broker does not tell. */
  readonly country: string;
  readonly lanes: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** One reader with a place here. */
interface Place {
  readonly key: string;
  readonly name: string | undefined;
  country: string;
  doneUp: number;
  doneDown: number;
}

interface Held {
  readonly lanes: Set<Lane>;
  /** Lanes that are promised and not made yet. */
  coming: number;
  readonly reader: string;
  /** The broker has the answers; before that it takes these lanes off by itself. */
  answered: boolean;
}

/** A lane that is to be made. */
interface Opening {
  readonly match: string;
  readonly offer: number;
  readonly description: LaneDescription;
  readonly gateway: string;
  readonly config: OperatorConfig;
  readonly held: Held;
  /** When it may be made; undefined for at once. */
  readonly turn: Promise<void> | undefined;
}

export class Bridge {
  readonly #transports: Transports;
  readonly #limits: Limits;
  readonly #onChange: () => void;
  readonly #throttle: Throttle | undefined;
  readonly #pool: Pool;
  readonly #matches = new Map<string, Held>();
  /** Ended lanes whose last bytes are still on their way to the reader. */
  readonly #leaving = new Set<Lane>();
  readonly #places = new Map<string, Place>();
  #placesMade = 0;
  #maxReaders: number;
  #closed = false;
  #doneUp = 0;
  #doneDown = 0;

  /**
   * @param onChange Called when the room or the counts of readers and lanes may have changed.
   * @param throttle What all lanes may pass on together; undefined for as fast as it goes.
   */
  constructor(transports: Transports, maxReaders: number, onChange: () => void, throttle?: Throttle, limits: Limits = LIMITS) {
    this.#transports = transports;
    this.#limits = limits;
    this.#maxReaders = maxReaders;
    this.#onChange = onChange;
    this.#throttle = throttle;
    this.#pool = new Pool(limits.maxPageBufferBytes);
  }

  get maxReaders(): number {
    return this.#maxReaders;
  }

  /** Fewer than there are now: those stay, and no new ones come. */
  set maxReaders(count: number) {
    if (count === this.#maxReaders) return;
    this.#maxReaders = count;
    this.#onChange();
  }

  /** Most lanes at once. */
  get capacity(): number {
    return Math.min(this.#limits.maxLanes, this.#maxReaders * this.#limits.lanesPerReader);
  }

  /** What may really be added. */
  get room(): Room {
    return this.#roomBeside([...this.#matches.values()]);
  }

  /** What the broker is to be told: less the lanes of those matches alone that were answered. */
  get roomToTell(): Room {
    return this.#roomBeside([...this.#matches.values()].filter(({ answered }) => answered));
  }

  /** The broker has the answers of a match. */
  answered(match: string): void {
    const held = this.#matches.get(match);
    if (held) held.answered = true;
    this.#onChange();
  }

  get counts(): Counts {
    const helping = this.#helping;
    const lanes = helping.flatMap((held) => [...held.lanes].filter((lane) => lane.open));
    return {
      readers: new Set(helping.map((held) => held.reader)).size,
      lanes: lanes.length,
      bytesUp: lanes.reduce((sum, lane) => sum + lane.bytesUp, this.#doneUp),
      bytesDown: lanes.reduce((sum, lane) => sum + lane.bytesDown, this.#doneDown),
    };
  }

  get guests(): readonly Guest[] {
    const guests: Guest[] = [];
    for (const [reader, { key, name, country, doneUp, doneDown }] of this.#places) {
      const lanes = [...this.#matches.values()].flatMap((held) => (held.reader === reader ? [...held.lanes] : []));
      const open = lanes.filter((lane) => lane.open);
      if (open.length === 0) continue;
      guests.push({
        key,
        name,
        country,
        lanes: open.length,
        bytesUp: open.reduce((sum, lane) => sum + lane.bytesUp, doneUp),
        bytesDown: open.reduce((sum, lane) => sum + lane.bytesDown, doneDown),
      });
    }
    return guests;
  }

  /** Answers each offer of a match or says why not. Never rejects. */
  async take({ match, gateway, offers, reader: named, country }: Match, config: OperatorConfig): Promise<Answer[]> {
    const refuseAll = (refused: Refusal): Answer[] => offers.map(({ offer }) => ({ offer, refused }));
    if (!isOperatorsGateway(gateway, config.gateways)) return refuseAll("gateway");
    if (this.#closed || this.#matches.has(match)) return refuseAll("failed");
    // No name has a space.
    const reader = named ?? `of ${match}`;
    let free = this.#freeFor(reader);
    if (free === 0) return refuseAll("busy");
    const held: Held = { lanes: new Set(), coming: 0, reader, answered: false };
    this.#matches.set(match, held);
    this.#place(reader, named, country);
    let turn: Promise<void> | undefined;
    const answers = offers.map(({ offer, description }): Answer | Promise<Answer> => {
      let checked: LaneDescription;
      try {
        checked = checkDescription(description, "offer", config.allowPrivate);
      } catch {
        return { offer, refused: "description" };
      }
      if (free === 0) return { offer, refused: "busy" };
      free -= 1;
      held.coming += 1;
      const mine = turn;
      // To make a connection takes some 3 to 30 ms. Between two of them the page may do what else it has to do.
      turn = (turn ?? Promise.resolve()).then(() => this.#transports.breathe());
      return this.#openLane({ match, offer, description: checked, gateway, config, held, turn: mine });
    });
    this.#forgetIfEmpty(match);
    this.#onChange();
    return await Promise.all(answers);
  }

  /** The reader went away: undoes the lanes of a match that are not open. */
  cancel(match: string): void {
    const held = this.#matches.get(match);
    if (!held) return;
    held.coming = 0;
    for (const lane of held.lanes) {
      if (!lane.open) lane.close();
    }
    this.#forgetIfEmpty(match);
    this.#onChange();
  }

  /** Closes all at once; nothing is left when this returns, and no further match is taken. */
  close(): void {
    this.#closed = true;
    for (const held of this.#matches.values()) held.coming = 0;
    for (const lane of [...this.#matches.values()].flatMap(({ lanes }) => [...lanes])) lane.abort();
    for (const lane of this.#leaving) lane.abort();
  }

  get #helping(): readonly Held[] {
    return [...this.#matches.values()].filter(({ lanes }) => [...lanes].some((lane) => lane.open));
  }

  #place(reader: string, name: string | undefined, country = ""): void {
    const place = this.#places.get(reader);
    if (place) {
      // The last match knows best: people travel, and countries are told only sometimes.
      if (country !== "") place.country = country;
      return;
    }
    this.#placesMade += 1;
    this.#places.set(reader, { key: String(this.#placesMade), name, country, doneUp: 0, doneDown: 0 });
  }

  async #openLane({ match, offer, description, gateway, config, held, turn }: Opening): Promise<Answer> {
    if (turn) await turn;
    // Whoever has cancelled the match meanwhile has also taken this lane back.
    if (held.coming === 0) return { offer, refused: "failed" };
    held.coming -= 1;
    let lane: Lane | undefined;
    try {
      const made = new Lane({
        gateway,
        stun: config.stun,
        allowPrivate: config.allowPrivate,
        transports: this.#transports,
        throttle: this.#throttle,
        pool: this.#pool,
        limits: this.#limits,
        onOpen: this.#onChange,
        onEnd: () => this.#laneEnded(match, made),
        onGone: () => this.#leaving.delete(made),
      });
      lane = made;
      held.lanes.add(lane);
      return { offer, answer: await lane.answer(description) };
    } catch {
      lane?.close();
      this.#forgetIfEmpty(match);
      return { offer, refused: "failed" };
    }
  }

  #laneEnded(match: string, lane: Lane): void {
    const held = this.#matches.get(match);
    held?.lanes.delete(lane);
    this.#leaving.add(lane);
    this.#doneUp += lane.bytesUp;
    this.#doneDown += lane.bytesDown;
    const place = held && this.#places.get(held.reader);
    if (place) {
      place.doneUp += lane.bytesUp;
      place.doneDown += lane.bytesDown;
    }
    this.#forgetIfEmpty(match);
    this.#onChange();
  }

  #forgetIfEmpty(match: string): void {
    const held = this.#matches.get(match);
    if (!held || held.lanes.size + held.coming > 0) return;
    this.#matches.delete(match);
    if (![...this.#matches.values()].some(({ reader }) => reader === held.reader)) this.#places.delete(held.reader);
  }

  #roomBeside(matches: readonly Held[]): Room {
    const readers = Math.max(0, this.#maxReaders - new Set(matches.map(({ reader }) => reader)).size);
    return { free: readers === 0 ? 0 : this.#freeBeside(matches), readers };
  }

  #freeBeside(matches: readonly Held[]): number {
    return Math.max(0, this.capacity - matches.reduce((sum, { lanes, coming }) => sum + lanes.size + coming, 0));
  }

  /** Lanes that this reader may add: one that is here already needs no further place. */
  #freeFor(reader: string): number {
    const matches = [...this.#matches.values()];
    return matches.some((held) => held.reader === reader) ? this.#freeBeside(matches) : this.room.free;
  }
}
