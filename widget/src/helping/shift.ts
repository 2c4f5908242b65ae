/**
 * One stretch of helping, from the switch being turned on until it is turned off: keeps the volunteer's wishes, whatever
 * happens around the page, and counts what was done.
 */

import type { Counts, Guest } from "../bridge/bridge.js";
import type { Introduction } from "../bridge/broker.js";
import { Throttle } from "../bridge/throttle.js";
import { pauseOf, together as bothPauses, type Pause } from "./conditions.js";
import { Helper } from "./helper.js";
import type { Around, Host } from "./host.js";
import { freshSalt, type Keeping } from "./keeping.js";
import { LoanPurse, MonthlyPurse, type MonthPurse } from "./purse.js";
import type { Reader, Tally, Wishes } from "./snapshot.js";
import { shown, type BrokerPhase, type Shown } from "./states.js";
import { readersLink, swarmTag } from "./swarm.js";
import { emptyTally, nothingNew, ofToday, together, told, type Kept } from "./tally.js";
import { Turn } from "./turn.js";
import { lesser, strictest } from "./wishes.js";
import { SmallWindow, type Borrowed, type Loan } from "./window.js";

export interface ShiftOptions {
  /** Base URL of the operator, without a slash at its end. */
  readonly operator: string;
  /** What the site allows. */
  readonly maxReaders: number;
  readonly pauseHidden: boolean;
  /** The visitor's own, at this site. */
  readonly wishes: Wishes;
  readonly keeping: Keeping;
  readonly keepNumbers: boolean;
  /** The secret of the link whose holders alone are helped, or null for everybody. */
  readonly swarm: string | null;
  /** Lent by the page that has opened this small window. */
  readonly loan: Borrowed | undefined;
  readonly host: Host;
  /** The visitor has switched off in the small window. */
  readonly onOff: () => void;
  /** Something that is shown has changed. */
  readonly onChange: () => void;
}

const NOTHING: Counts = { readers: 0, lanes: 0, bytesUp: 0, bytesDown: 0 };
/** Of the speed, for those who are still here while the small window helps already. */
const DRAIN_SHARE = 1 / 4;
const TICK_MS = 10_000;
/** What is longer between two looks was sleep. A page out of sight looks once a minute. */
const LONGEST_LOOK_MS = 120_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Shift {
  readonly since: number;
  readonly #options: ShiftOptions;
  readonly #host: Host;
  readonly #throttle: Throttle;
  readonly #around: Around;
  readonly #turn: Turn;
  readonly #window: SmallWindow;
  readonly #tick: ReturnType<typeof setInterval>;
  #wishes: Wishes;
  /** Of the page that has lent. */
  #lentWishes: Wishes | undefined;
  #siteReaders: number;
  #pauseHidden: boolean;
  #keepNumbers: boolean;
  #swarm: string | null;
  /** What the operator gave for the link, and the link that it became. */
  #given = "";
  #link = "";
  #restricted = false;
  #shutIn = false;
  /** This site's month. */
  #purse: MonthPurse | undefined;
  #loan: LoanPurse | undefined;
  #pause: Pause = { reason: "", until: null, lookAgainAt: null };
  #stopLooking: (() => void) | undefined;
  #helper: Helper | undefined;
  #draining = false;
  /** Bytes of the helpers before this one. */
  #before = { up: 0, down: 0 };
  #kept: Kept;
  #more = nothingNew();
  #present = new Set<string>();
  #markedAt: number;
  #markedBytes = 0;
  #stopAsking: (() => void) | undefined;
  #asked: boolean;
  #applying = false;
  #again = false;
  #ended = false;

  constructor(options: ShiftOptions) {
    this.#options = options;
    const { host, keeping } = options;
    this.#host = host;
    this.since = host.now();
    this.#markedAt = this.since;
    this.#wishes = options.wishes;
    this.#lentWishes = options.loan?.wishes;
    this.#siteReaders = options.maxReaders;
    this.#pauseHidden = options.pauseHidden;
    this.#keepNumbers = options.keepNumbers;
    this.#swarm = options.swarm;
    this.#asked = keeping.asked;
    this.#kept = this.#keepNumbers ? keeping.readTally(this.#today) : emptyTally(this.#today, freshSalt());
    this.#throttle = new Throttle(host.clock);
    this.#throttle.purse = { take: (size) => this.#take(size) };
    this.#turn = new Turn(host.locks, () => this.#apply());
    this.#around = host.around(() => this.#apply());
    this.#window = new SmallWindow({
      operator: options.operator,
      windows: host.windows,
      now: () => host.now(),
      lend: () => this.#lend(),
      takeBack: (bytes) => void this.#purse?.putBack(bytes).catch(() => undefined),
      onOff: options.onOff,
      onChange: () => this.#apply(),
    });
    this.#tick = setInterval(() => this.#look(), TICK_MS);
    const { loan } = options;
    if (loan && loan.bytes !== null) this.#loan = new LoanPurse(loan.bytes, () => this.#purseChanged(), loan.tellLeft);
    this.#openPurse();
    this.#apply();
  }

  /** What is going on. */
  get shown(): Shown {
    const helps = this.#window.helps;
    return shown({
      on: true,
      supported: true,
      pause: helps ? "elsewhere" : this.#pause.reason || (this.#turn.isAnothers ? "elsewhere" : ""),
      broker: this.#broker,
      openLanes: this.counts.lanes,
      shutIn: this.#shutIn,
    });
  }

  /** When the pause ends by itself. */
  get until(): number | null {
    return this.#pause.until;
  }

  get counts(): Counts {
    const { readers, lanes, bytesUp, bytesDown } = this.#helper?.counts ?? NOTHING;
    return { readers, lanes, bytesUp: bytesUp + this.#before.up, bytesDown: bytesDown + this.#before.down };
  }

  get readers(): readonly Reader[] {
    const guests = this.#helper?.guests ?? [];
    return guests.map(({ key, country, lanes, bytesUp, bytesDown }) => ({ key, country, lanes, bytesUp, bytesDown }));
  }

  get tally(): Tally {
    this.#mark();
    return told(together(this.#kept, this.#more));
  }

  /** What is left of this month's data. */
  get left(): number | null {
    return lesser(this.#purse?.left ?? null, this.lent);
  }

  /** What is left of what another page has lent. */
  get lent(): number | null {
    return this.#loan?.left ?? null;
  }

  /** What holds just now, as far as it can be said in one. */
  get wishes(): Wishes {
    const [first, second] = this.#allWishes;
    return second ? strictest(first, second) : first;
  }

  /** The link for those who alone are helped, or "". */
  get link(): string {
    return this.#link;
  }

  /** Whom to help from now on. Nobody of before stays: they were let in under another rule. */
  set swarm(secret: string | null) {
    if (secret === this.#swarm) return;
    this.#swarm = secret;
    this.#given = this.#link = "";
    if (secret !== null) this.#window.close();
    this.#halt();
    this.#apply();
  }

  get inWindow(): boolean {
    return this.#window.helps;
  }

  set wishes(wishes: Wishes) {
    const { monthly } = this.#wishes;
    this.#wishes = wishes;
    if (wishes.monthly !== monthly) this.#openPurse();
    this.#apply();
    this.#tellWindow();
  }

  /** What the page that has lent allows from now on. */
  set lentWishes(wishes: Wishes) {
    this.#lentWishes = wishes;
    this.#apply();
  }

  /** What the site allows. */
  set maxReaders(count: number) {
    this.#siteReaders = count;
    this.#apply();
  }

  set pauseHidden(value: boolean) {
    this.#pauseHidden = value;
    this.#apply();
  }

  set keepNumbers(value: boolean) {
    if (value === this.#keepNumbers) return;
    this.#keepNumbers = value;
    if (value) {
      // What this page has counted so far joins what is kept.
      const { names, nameless, countries, past, bytes, seconds, salt } = together(this.#kept, this.#more);
      this.#more = { names: [...names], nameless, countries: [...countries], bytes, seconds };
      this.#kept = { ...emptyTally(this.#today, salt), past };
      this.#save();
    } else {
      this.#options.keeping.forgetTally();
      this.#kept = emptyTally(this.#today, this.#kept.salt);
      this.#more = nothingNew();
    }
  }

  /** What a test of the network has found. */
  found({ shutIn, restricted }: { shutIn: boolean; restricted: boolean }): void {
    const news = restricted !== this.#restricted;
    this.#shutIn = shutIn;
    this.#restricted = restricted;
    // The broker hears it in the introduction; those who are here stay.
    if (news) this.#helper?.reconnect();
    this.#apply();
  }

  /** Opens a small window that helps in the place of this page. Call it from a click. */
  openWindow(): void {
    // What is lent is not lent on, and the window would help everybody.
    if (!this.#options.loan && this.#swarm === null) this.#window.open();
  }

  /**
   * Ends everything: no connection, timer or listener is left when it returns.
   *
   * @param withWindow The visitor has switched off, so that the small window is to end too.
   */
  end(withWindow: boolean): void {
    if (this.#ended) return;
    this.#look();
    this.#ended = true;
    clearInterval(this.#tick);
    this.#stopLooking?.();
    this.#stopAsking?.();
    if (withWindow) this.#window.close();
    this.#window.end();
    this.#around.end();
    this.#halt();
    this.#turn.leave();
    this.#purse?.close();
    this.#throttle.speed = null;
  }

  /** All of these hold. A page of this site lends what the visitor has set here; another site may have been told something else. */
  get #allWishes(): readonly [Wishes] | readonly [Wishes, Wishes] {
    if (!this.#lentWishes) return [this.#wishes];
    return this.#options.loan?.isForeign ? [this.#wishes, this.#lentWishes] : [this.#lentWishes];
  }

  get #today(): Date {
    return new Date(this.#host.now());
  }

  get #broker(): BrokerPhase {
    return this.#helper?.broker ?? { phase: "connecting" };
  }

  /** Brings what is done in line with what is wished. Whatever changes calls it; it may be called within itself. */
  #apply(): void {
    if (this.#ended) return;
    this.#again = true;
    if (this.#applying) return;
    this.#applying = true;
    while (this.#again) {
      this.#again = false;
      this.#settle();
    }
    this.#applying = false;
    this.#options.onChange();
  }

  #settle(): void {
    const { charging, speed } = this.wishes;
    if (charging) this.#around.watchPower();
    const { hidden, away, charging: isCharging, costly } = this.#around;
    const world = { hidden, away, charging: isCharging, costly };
    this.#pause = bothPauses(
      this.#allWishes.map((wishes) => {
        const spent = (wishes === this.#lentWishes ? this.#loan : this.#purse)?.spent ?? false;
        return pauseOf(wishes, this.#pauseHidden, { ...world, spent }, this.#today);
      }),
    );
    this.#throttle.speed = this.#window.helps && speed !== null ? speed * DRAIN_SHARE : speed;
    const may = this.#pause.reason === "";
    // Who cannot help now must not keep another tab from it.
    if (may && !this.#window.helps) this.#turn.take();
    else this.#turn.leave();
    if (may && this.#turn.isMine) this.#run();
    else if (may && this.#window.helps) this.#drain();
    else this.#halt();
    this.#noteGuests();
    this.#learnLink();
    this.#setAlarm();
  }

  #learnLink(): void {
    const { broker } = this.#helper ?? {};
    const secret = this.#swarm;
    if (secret === null || broker?.phase !== "ready" || !broker.invite || broker.invite === this.#given) return;
    this.#given = broker.invite;
    readersLink(broker.invite, secret, this.#options.operator).then(
      (link) => {
        if (secret !== this.#swarm || this.#ended) return;
        this.#link = link;
        this.#options.onChange();
      },
      // Without it nobody can come; the next connection may bring a better one.
      () => (this.#given = ""),
    );
  }

  #run(): void {
    if (this.#draining) {
      this.#draining = false;
      this.#helper?.start();
    }
    const maxReaders = Math.min(this.#siteReaders, this.wishes.maxReaders);
    if (this.#helper) {
      this.#helper.maxReaders = maxReaders;
      return;
    }
    const helper = new Helper({
      operator: this.#options.operator,
      maxReaders,
      throttle: this.#throttle,
      introduction: () => {
        const said: Introduction = { salt: this.#saltOfToday(), ...(this.#restricted ? { nat: "restricted" } : {}) };
        return this.#swarm === null ? said : swarmTag(this.#swarm).then((swarm) => ({ ...said, swarm }));
      },
      host: this.#host,
      onChange: () => this.#apply(),
    });
    this.#helper = helper;
    helper.start();
  }

  /** Whoever is here may stay until they leave. */
  #drain(): void {
    if (!this.#helper) return;
    if (!this.#draining) {
      this.#draining = true;
      this.#helper.drain();
    }
    if (this.#helper.counts.lanes === 0) this.#halt();
  }

  #halt(): void {
    const helper = this.#helper;
    if (!helper) return;
    this.#mark();
    const { bytesUp, bytesDown } = this.counts;
    this.#before = { up: bytesUp, down: bytesDown };
    this.#helper = undefined;
    this.#draining = false;
    helper.end();
    this.#save();
    this.#tellWindow();
  }

  /** The small window may have all of the speed when nobody is left here. The month's data went along as bytes. */
  #tellWindow(): void {
    if (!this.#helper) this.#window.tell({ ...this.#wishes, monthly: null });
  }

  /** Whether these bytes may be passed on: neither by the clock nor by the month is it too late. */
  #take(size: number): boolean {
    const { lookAgainAt } = this.#pause;
    if (lookAgainAt !== null && this.#host.now() >= lookAgainAt) {
      queueMicrotask(() => {
        this.#apply();
        if (!this.#ended) this.#throttle.pump();
      });
      return false;
    }
    // Both must have it. A loan has all that it will ever have, and to look at it changes nothing.
    if (this.#loan && size > this.#loan.left) return false;
    if (this.#purse && !this.#purse.take(size)) return false;
    return this.#loan?.take(size) ?? true;
  }

  #openPurse(): void {
    this.#purse?.close();
    this.#purse = undefined;
    const { loan, host } = this.#options;
    const { monthly } = this.#wishes;
    // What a page of this site lends, it has set aside of the same month.
    if (monthly === null || (loan && !loan.isForeign)) return;
    this.#purse = new MonthlyPurse({ monthly, vault: host.vault(), now: () => host.now(), onChange: () => this.#purseChanged() });
  }

  #purseChanged(): void {
    this.#throttle.pump();
    this.#apply();
  }

  async #lend(): Promise<Loan> {
    const bytes = this.#purse ? await this.#purse.takeAll() : null;
    const { speed } = this.#wishes;
    // Both pages together must not be faster than one.
    const left = speed === null ? null : speed * (1 - DRAIN_SHARE);
    return { wishes: { ...this.#wishes, speed: left, monthly: null }, bytes };
  }

  #setAlarm(): void {
    this.#stopLooking?.();
    const at = this.#pause.lookAgainAt;
    const delayMs = at === null ? null : Math.min(LONGEST_TIMER_MS, Math.max(0, at - this.#host.now()));
    this.#stopLooking = delayMs === null ? undefined : this.#host.clock.later(delayMs, () => this.#apply());
  }

  /** Looks at the clock, and writes the numbers down. */
  #look(): void {
    this.#mark();
    this.#save();
    this.#kept = ofToday(this.#kept, this.#today, freshSalt);
    this.#apply();
  }

  /** Counts time and data since the last look. */
  #mark(): void {
    const now = this.#host.now();
    const elapsedMs = now - this.#markedAt;
    this.#markedAt = now;
    const { bytesUp, bytesDown } = this.counts;
    // Who was here at the last look: whoever has just come has not been helped yet.
    if (this.#present.size > 0 && elapsedMs > 0 && elapsedMs < LONGEST_LOOK_MS) this.#more.seconds += elapsedMs / 1_000;
    this.#more.bytes += bytesUp + bytesDown - this.#markedBytes;
    this.#markedBytes = bytesUp + bytesDown;
  }

  #save(): void {
    if (this.#keepNumbers) this.#kept = this.#options.keeping.addToTally(this.#kept, this.#more, this.#today);
    else this.#kept = together(ofToday(this.#kept, this.#today, freshSalt), this.#more);
    this.#more = nothingNew();
  }

  #saltOfToday(): string {
    this.#kept = ofToday(this.#kept, this.#today, freshSalt);
    return this.#kept.salt;
  }

  /** Counts whoever was not here a moment ago, and asks before the page is closed on somebody. */
  #noteGuests(): void {
    const guests: readonly Guest[] = this.#helper?.guests ?? [];
    this.#mark();
    for (const { key, name, country } of guests) {
      // It may become known later than its reader.
      if (country !== "" && !this.#more.countries.includes(country)) this.#more.countries.push(country);
      if (this.#present.has(key)) continue;
      if (name === undefined) this.#more.nameless += 1;
      else this.#more.names.push(name);
    }
    this.#present = new Set(guests.map(({ key }) => key));
    const ask = guests.length > 0 && !this.#draining && !this.#asked;
    if (!ask) {
      this.#stopAsking?.();
      this.#stopAsking = undefined;
    } else this.#stopAsking ??= this.#host.askBeforeClosing(() => {
        this.#asked = true;
        this.#options.keeping.rememberAsked();
        // Chromium does not ask when the listener goes while it is called.
        this.#host.clock.later(0, () => this.#apply());
      });
  }
}
