/** What a page sees around it that a wish may depend on: power, the kind of network, being seen. */

interface Battery extends EventTarget {
  readonly charging: boolean;
}

interface Connection extends EventTarget {
  readonly saveData?: boolean;
  readonly type?: string;
}

interface Device {
  getBattery?(): Promise<Battery>;
  readonly connection?: Connection;
}

export class Surroundings {
  readonly #device = navigator as Navigator & Device;
  readonly #onChange: () => void;
  readonly #listening = new AbortController();
  #battery: Battery | undefined;
  #asked = false;
  #away = false;

  /** @param onChange One of the answers may have changed. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
    const { signal } = this.#listening;
    const away = (value: boolean): void => {
      this.#away = value;
      onChange();
    };
    // A page that is kept for the back button must hold no connection.
    addEventListener("pagehide", () => away(true), { signal });
    addEventListener("pageshow", () => away(false), { signal });
    document.addEventListener("visibilitychange", onChange, { signal });
    this.#device.connection?.addEventListener("change", onChange, { signal });
  }

  get hidden(): boolean {
    return document.hidden;
  }

  get away(): boolean {
    return this.#away;
  }

  /** Undefined where the browser does not tell, and until it has been asked for with `watchPower`. */
  get charging(): boolean | undefined {
    return this.#battery?.charging;
  }

  get costly(): boolean | undefined {
    const connection = this.#device.connection;
    return connection && (connection.saveData === true || connection.type === "cellular");
  }

  /** Asks the browser about its power: only for somebody who wishes to help while charging. */
  watchPower(): void {
    if (this.#asked) return;
    this.#asked = true;
    const { signal } = this.#listening;
    this.#device.getBattery?.().then(
      (battery) => {
        if (signal.aborted) return;
        this.#battery = battery;
        battery.addEventListener("chargingchange", this.#onChange, { signal });
        this.#onChange();
      },
      // Refused to this frame.
      () => undefined,
    );
  }

  end(): void {
    this.#listening.abort();
  }
}
