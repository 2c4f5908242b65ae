/**
 * A volunteer: everything that helps from one page, behind one snapshot and a few setters. `face/` and `extension/` show it.
 *
 * Here is what a page needs before anybody has agreed to anything; a shift does the rest, and is loaded with the consent.
 */

import type { Counts } from "../bridge/bridge.js";
import { backoffMs } from "../bridge/backoff.js";
import { LIMITS } from "../bridge/limits.js";
import { cautionFor } from "./caution.js";
import type * as engine from "./engine.js";
import { browserStore, CHOICES_NAME, freshSalt, Keeping, VAULT_NAME, type Choices, type SwarmChoice } from "./keeping.js";
import type { Shift } from "./shift.js";
import { NO_LIMITS, type Check, type Findings, type Snapshot, type Tally, type Wishes } from "./snapshot.js";
import { shown, type BrokerPhase, type ErrorReason } from "./states.js";
import { swarmsPossible } from "./swarm.js";
import { told } from "./tally.js";
import { checkedWishes } from "./wishes.js";
import type { Borrowed } from "./window.js";

/** What helps. It is loaded when the switch is turned on. */
export type Engine = Pick<typeof engine, "help" | "check">;

export interface VolunteerOptions {
  /** Base URL of the operator, without a slash at its end; undefined when what the page says is no URL. */
  readonly operator: string | undefined;
  /** What the site allows; the volunteer may allow less. */
  readonly maxReaders: number;
  readonly pauseHidden: boolean;
  /** Loads what helps. It rejects with an object whose `changed` is true when another try cannot help. */
  readonly loadEngine: () => Promise<Engine>;
  /** The snapshot has changed. Numbers that only grow (bytes, seconds) change without a word: look again when they are shown. */
  readonly onChange: () => void;
  readonly keeping?: Keeping;
}

const NOTHING: Counts = { readers: 0, lanes: 0, bytesUp: 0, bytesDown: 0 };
const NOBODY: Tally = { today: 0, ever: 0, countries: [], bytes: 0, seconds: 0 };

export class Volunteer {
  readonly #options: VolunteerOptions;
  readonly #keeping: Keeping;
  readonly #listening = new AbortController();
  readonly #country: string | null;
  #choices: Choices;
  #operator: string | undefined;
  #siteReaders: number;
  #pauseHidden: boolean;
  #on = false;
  /** It went on because the visitor had said so on an earlier page. */
  #byItself = false;
  #loan: Borrowed | undefined;
  #shift: Shift | undefined;
  /** Ends the wait for the engine. */
  #loading: AbortController | undefined;
  #notLoaded: ErrorReason | undefined;
  #failures = 0;
  #last = NOTHING;
  #lastTally: Tally;
  #check: Check = { state: "none" };

  constructor(options: VolunteerOptions) {
    this.#options = options;
    this.#operator = options.operator;
    this.#siteReaders = options.maxReaders;
    this.#pauseHidden = options.pauseHidden;
    this.#keeping = options.keeping ?? new Keeping(browserStore("localStorage"), freshSalt, browserStore("sessionStorage"));
    this.#choices = this.#keeping.readChoices();
    this.#lastTally = this.#choices.keepNumbers ? told(this.#keeping.readTally(new Date())) : NOBODY;
    this.#country = cautionFor(Intl.DateTimeFormat().resolvedOptions().timeZone, navigator.languages);
    // Another tab of the site has changed what the visitor chose; null = all storage was cleared.
    addEventListener("storage", ({ key }) => (key === CHOICES_NAME || key === null) && this.#chosenElsewhere(), this.#listening);
    if (!this.#choices.keepHelping || !supported()) return;
    this.#byItself = true;
    this.#begin();
  }

  get snapshot(): Snapshot {
    const shift = this.#shift;
    const { wishes, keepHelping, keepNumbers, warned, swarm } = this.#choices;
    const onlyKnown = swarm?.on === true;
    const counts = shift?.counts ?? this.#last;
    const before = { on: this.#on, supported: supported(), pause: "", broker: this.#broker, openLanes: 0, shutIn: false } as const;
    return {
      on: this.#on,
      ...(shift?.shown ?? shown(before)),
      until: shift?.until ?? null,
      counts,
      readers: shift?.readers ?? [],
      since: shift?.since ?? null,
      tally: shift?.tally ?? this.#lastTally,
      wishes: shift?.wishes ?? this.#loan?.wishes ?? wishes,
      left: shift?.left ?? this.#loan?.bytes ?? null,
      lent: shift?.lent ?? this.#loan?.bytes ?? null,
      abilities: {
        charging: "getBattery" in navigator,
        metered: "connection" in navigator,
        storage: this.#keeping.possible,
        window: this.#operator !== undefined && this.#loan === undefined && !onlyKnown,
        known: this.#keeping.possible && this.#loan === undefined && swarmsPossible(),
      },
      keepHelping,
      keepNumbers,
      onlyKnown,
      link: shift?.link ?? "",
      check: this.#check,
      caution: warned ? null : this.#country,
      inWindow: shift?.inWindow ?? false,
    };
  }

  /** The page names another operator: what is on starts anew with that one. */
  set operator(operator: string | undefined) {
    if (operator === this.#operator) return;
    this.#operator = operator;
    this.#check = { state: "none" };
    if (this.#on) {
      this.#halt(true);
      this.#begin();
    }
    this.#options.onChange();
  }

  /** What the site allows, 1 to 8. */
  set maxReaders(count: number) {
    this.#siteReaders = count;
    if (this.#shift) this.#shift.maxReaders = count;
  }

  /** Whether the site wants help only while its page can be seen. */
  set pauseHidden(value: boolean) {
    this.#pauseHidden = value;
    if (this.#shift) this.#shift.pauseHidden = value;
  }

  /** Turns the switch on, by the visitor's own will. Does nothing while it is on or where the browser cannot help. */
  start(): void {
    if (this.#on || !supported()) return;
    this.#byItself = false;
    this.#begin();
    this.#options.onChange();
  }

  /** Turns the switch on in a small window that another page has opened for it, or changes what that page allows. */
  borrow(loan: Borrowed): void {
    this.#loan = loan;
    if (this.#shift) this.#shift.lentWishes = loan.wishes;
    else this.start();
    this.#options.onChange();
  }

  /** Turns the switch off, by the visitor's own will. No connection or timer is left when it returns. */
  stop(): void {
    if (!this.#on) return;
    this.#halt(true);
    this.#on = false;
    this.#choose({ keepHelping: false });
  }

  /** The volunteer allows this much from now on. Values that make no sense are taken as no limit. */
  set(wishes: Partial<Wishes>): void {
    this.#choose({ wishes: checkedWishes({ ...this.#choices.wishes, ...wishes }) });
    if (this.#shift) this.#shift.wishes = this.#choices.wishes;
  }

  get keepHelping(): boolean {
    return this.#choices.keepHelping;
  }

  /** Whether the next page of this site starts to help by itself. Switching off takes it back. */
  set keepHelping(keepHelping: boolean) {
    this.#choose({ keepHelping });
  }

  get keepNumbers(): boolean {
    return this.#choices.keepNumbers;
  }

  /** Whether the tally outlives this page. Taking it back deletes what was kept. */
  set keepNumbers(keepNumbers: boolean) {
    if (this.#shift) this.#shift.keepNumbers = keepNumbers;
    else if (!keepNumbers) {
      this.#keeping.forgetTally();
      this.#lastTally = NOBODY;
    }
    this.#choose({ keepNumbers });
  }

  get onlyKnown(): boolean {
    return this.#choices.swarm?.on === true;
  }

  /** Whether only the holders of the visitor's own link are helped. The link is the same when it is chosen again. */
  set onlyKnown(on: boolean) {
    this.#chooseSwarm({ secret: this.#choices.swarm?.secret ?? freshSalt(), on });
  }

  /** Another link; the one of before leads nowhere from now on. */
  newLink(): void {
    this.#chooseSwarm({ secret: freshSalt(), on: this.onlyKnown });
  }

  /** Deletes all that this browser keeps for this site: limits, numbers, and the wish to go on. */
  forget(): void {
    this.keepNumbers = false;
    // Who helped only people whom they know must not help everybody because of it.
    if (this.onlyKnown) this.stop();
    this.#choose({ wishes: NO_LIMITS, keepHelping: false, warned: false, swarm: null });
    if (this.#shift) this.#shift.wishes = NO_LIMITS;
    try {
      indexedDB.deleteDatabase(VAULT_NAME);
    } catch {
      // Where there is none, nothing is kept.
    }
  }

  /** "Can my connection help?" Asks the operator's own servers, and only now. The answer comes in the snapshot. */
  check(): void {
    const operator = this.#operator;
    if (operator === undefined || this.#check.state === "running") return;
    this.#check = { state: "running" };
    this.#options.onChange();
    const checked = (findings: Findings): void => {
      if (operator !== this.#operator || this.#listening.signal.aborted) return;
      this.#check = { state: "done", ...findings };
      this.#tellFindings();
      this.#options.onChange();
    };
    this.#options.loadEngine().then(
      async (engine) => checked(await engine.check(operator)),
      () => checked({ verdict: "unknown", operator: null, socket: null, udp: null, varying: null }),
    );
  }

  /** Opens a small window that helps in the place of this page. Call it from a click, while the switch is on. */
  openWindow(): void {
    this.#shift?.openWindow();
  }

  /** The visitor has read the word of caution. */
  dismissCaution(): void {
    this.#choose({ warned: true });
  }

  /** The page lets go of it: nothing is left, and what the visitor wished for the next page stays. */
  end(): void {
    this.#listening.abort();
    this.#halt(false);
    this.#on = false;
  }

  get #broker(): BrokerPhase {
    if (this.#operator === undefined) return { phase: "lost", reason: "operator" };
    if (this.#notLoaded) return { phase: "lost", reason: this.#notLoaded };
    return { phase: "connecting" };
  }

  #choose(choice: Partial<Choices>): void {
    this.#choices = { ...this.#choices, ...choice };
    this.#keeping.writeChoices(this.#choices);
    this.#options.onChange();
  }

  #chooseSwarm(swarm: SwarmChoice): void {
    this.#choose({ swarm });
    if (this.#shift) this.#shift.swarm = swarm.on ? swarm.secret : null;
  }

  #chosenElsewhere(): void {
    const wasPrivate = this.onlyKnown;
    this.#choices = this.#keeping.readChoices();
    const { wishes, keepHelping, keepNumbers, swarm } = this.#choices;
    // What was forgotten was not said to be for everybody.
    if (this.#on && ((this.#byItself && !keepHelping) || (wasPrivate && swarm === null))) {
      this.#halt(false);
      this.#on = false;
    }
    if (this.#shift) {
      this.#shift.wishes = wishes;
      this.#shift.keepNumbers = keepNumbers;
      this.#shift.swarm = swarm?.on ? swarm.secret : null;
    }
    this.#options.onChange();
  }

  #begin(): void {
    this.#on = true;
    if (this.#operator === undefined) return;
    const { signal } = (this.#loading = new AbortController());
    this.#options.loadEngine().then(
      (engine) => signal.aborted || this.#help(engine, this.#operator ?? ""),
      (error: { readonly changed?: boolean }) => signal.aborted || this.#notHelped(error.changed ? "version" : "unreachable", signal),
    );
  }

  #help(engine: Engine, operator: string): void {
    this.#notLoaded = undefined;
    this.#failures = 0;
    const { wishes, keepNumbers, swarm } = this.#choices;
    this.#shift = engine.help({
      operator,
      maxReaders: this.#siteReaders,
      pauseHidden: this.#pauseHidden,
      wishes,
      keeping: this.#keeping,
      keepNumbers,
      swarm: swarm?.on ? swarm.secret : null,
      loan: this.#loan,
      onOff: () => this.stop(),
      onChange: this.#options.onChange,
    });
    this.#tellFindings();
    this.#options.onChange();
  }

  #tellFindings(): void {
    if (this.#check.state !== "done") return;
    const { verdict, varying, udp } = this.#check;
    this.#shift?.found({ shutIn: verdict === "none" && udp === false, restricted: varying === true });
  }

  #notHelped(reason: ErrorReason, signal: AbortSignal): void {
    this.#notLoaded = reason;
    if (reason !== "version") {
      this.#failures += 1;
      const timer = setTimeout(() => this.#begin(), backoffMs(this.#failures, Math.random(), LIMITS));
      signal.addEventListener("abort", () => clearTimeout(timer));
    }
    this.#options.onChange();
  }

  #halt(withWindow: boolean): void {
    this.#loading?.abort();
    this.#loading = undefined;
    this.#notLoaded = undefined;
    const shift = this.#shift;
    if (!shift) return;
    shift.end(withWindow);
    // What is lent is lent once, however often the switch is turned.
    if (this.#loan) this.#loan = { ...this.#loan, bytes: shift.lent };
    this.#last = { ...shift.counts, readers: 0, lanes: 0 };
    this.#lastTally = shift.tally;
    this.#shift = undefined;
  }
}

function supported(): boolean {
  return typeof RTCPeerConnection === "function" && typeof WebSocket === "function";
}
