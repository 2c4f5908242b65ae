/** The page's way to the program: its state as a stream that is opened again by itself, and its verbs. */

import { Lines } from "./lines.js";
import { merge, type Line, type Whole } from "./model.js";

const FIRST_RETRY_MS = 500;
const MOST_RETRY_MS = 15_000;
/** The program says something every 10 s. */
const SILENCE_MS = 30_000;
/** A page that nobody looks at for so long hears no more until somebody does. */
const HIDDEN_MS = 60_000;

/** Why nothing is heard. */
export type Loss = "ended" | "token" | "many";

export interface Listener {
  heard(whole: Whole): void;
  lost(loss: Loss): void;
}

/** What the program answered to a verb that it did not do. */
export class Refusal extends Error {
  readonly code: string;
  readonly remedy: string;

  constructor(code: string, cause: string, remedy: string) {
    super(cause);
    this.code = code;
    this.remedy = remedy;
  }
}

export type Ask = <Answer = unknown>(verb: string, body?: object) => Promise<Answer>;

export class Link {
  readonly #headers: Readonly<Record<string, string>>;
  readonly #listener: Listener;
  #whole: Whole | undefined;
  #running: AbortController | undefined;
  #hidden: ReturnType<typeof setTimeout> | undefined;

  constructor(token: string, listener: Listener) {
    this.#headers = { Authorization: `Bearer ${token}` };
    this.#listener = listener;
  }

  /** Hears from now on, while somebody looks. */
  begin(): void {
    document.addEventListener("visibilitychange", () => this.#looked());
    this.#looked();
  }

  /** Rejects with a Refusal. */
  readonly ask: Ask = async <Answer>(verb: string, body: object = {}): Promise<Answer> => {
    let response: Response;
    try {
      response = await fetch(`api/${verb}`, {
        method: "POST",
        headers: { ...this.#headers, "Content-Type": "application/json" },
        body: JSON.stringify(body),
        referrerPolicy: "no-referrer",
      });
    } catch {
      throw new Refusal("ended", "The program does not answer.", "");
    }
    const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    if (response.ok) return answer as Answer;
    throw new Refusal(String(answer["code"] ?? "failed"), String(answer["cause"] ?? ""), String(answer["remedy"] ?? ""));
  };

  #looked(): void {
    clearTimeout(this.#hidden);
    if (document.visibilityState === "hidden") {
      this.#hidden = setTimeout(() => {
        this.#running?.abort();
        this.#running = undefined;
      }, HIDDEN_MS);
    } else if (!this.#running) {
      this.#running = new AbortController();
      void this.#run(this.#running.signal);
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, MOST_RETRY_MS)) {
      const loss = await this.#listen(signal, () => (wait = FIRST_RETRY_MS / 2));
      if (signal.aborted) return;
      this.#listener.lost(loss);
      if (loss === "token") return;
      await new Promise((later) => setTimeout(later, wait));
      if (signal.aborted) return;
    }
  }

  /** Hears one stream to its end. */
  async #listen(signal: AbortSignal, heard: () => void): Promise<Loss> {
    const stop = new AbortController();
    const end = (): void => stop.abort();
    signal.addEventListener("abort", end);
    let silence = setTimeout(end, SILENCE_MS);
    try {
      const response = await fetch("api/events", {
        headers: this.#headers,
        referrerPolicy: "no-referrer",
        cache: "no-store",
        signal: stop.signal,
      });
      if (response.status === 401) return "token";
      if (response.status === 429) return "many";
      if (!response.ok || !response.body) return "ended";
      // A new stream begins with everything.
      this.#whole = undefined;
      const lines = new Lines();
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return "ended";
        clearTimeout(silence);
        silence = setTimeout(end, SILENCE_MS);
        for (const line of lines.push(decoder.decode(value, { stream: true }))) this.#take(JSON.parse(line) as Line);
        heard();
      }
    } catch {
      return "ended";
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", end);
    }
  }

  #take(line: Line): void {
    this.#whole = merge(this.#whole, line);
    if (this.#whole) this.#listener.heard(this.#whole);
  }
}
