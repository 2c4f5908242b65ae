/** Asks the operator's API. The cookie of the login goes along by itself; a change has a header that no other site can send. */

const BASE = "admin/api/v1";

/** The operator did not do it, and says why; status 0 = it did not answer. */
export class Refused extends Error {
  readonly status: number;
  readonly remedy: string;

  constructor(status: number, cause: string, remedy = "") {
    super(cause);
    this.status = status;
    this.remedy = remedy;
  }
}

type Fetch = (input: string, init: RequestInit) => Promise<Response>;

export class Api {
  readonly #fetch: Fetch;

  constructor(fetch: Fetch = (input, init) => globalThis.fetch(input, init)) {
    this.#fetch = fetch;
  }

  get<T>(path: string): Promise<T> {
    return this.#ask<T>("GET", `${BASE}/${path}`);
  }

  post<T>(path: string, body?: unknown): Promise<T> {
    return this.#ask<T>("POST", `${BASE}/${path}`, body);
  }

  logIn(token: string): Promise<void> {
    return this.#ask<void>("POST", "admin/login", { token });
  }

  logOut(): Promise<void> {
    return this.#ask<void>("POST", "admin/logout");
  }

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = method === "GET" ? {} : { "X-Unwalled-Admin": "1" };
    const init: RequestInit = { method, headers, cache: "no-store", credentials: "same-origin", redirect: "error" };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    const answer = await this.#fetch(path, init).catch(() => {
      throw new Refused(0, "The operator does not answer.", "If this lasts, look at whether it runs, and at the network between you and it.");
    });
    if (!answer.ok) throw await refusal(answer);
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  }
}

async function refusal(answer: Response): Promise<Refused> {
  const told = (await answer.json().catch(() => ({}))) as { readonly detail?: unknown; readonly remedy?: unknown };
  const cause = typeof told.detail === "string" ? told.detail : `The operator says no (${answer.status}).`;
  return new Refused(answer.status, cause, typeof told.remedy === "string" ? told.remedy : "");
}
