/**
 * The month's sum in IndexedDB: the one storage of a browser whose steps no other tab can come between, and that says when a
 * step is safe. docs/reference/widget.md lists what is in it.
 */

import { VAULT_NAME } from "./keeping.js";
import { MemoryVault, type Vault } from "./purse.js";

const STORE = "months";

export class BrowserVault implements Vault {
  #opening: Promise<IDBDatabase> | undefined;
  /** From the first failure on: a sum that cannot be kept holds at least for this page. */
  #instead: MemoryVault | undefined;
  /** The last sums that were safe. What was spent before a failure stays spent. */
  readonly #known = new MemoryVault();

  async reserve(month: string, wanted: number, most: number): Promise<{ granted: number; spent: number }> {
    if (this.#instead) return await this.#instead.reserve(month, wanted, most);
    try {
      let granted = 0;
      const spent = await this.#change(month, (before) => {
        granted = Math.max(0, Math.min(wanted, most - before));
        return before + granted;
      });
      this.#known.set(month, spent);
      return { granted, spent };
    } catch {
      this.#instead = this.#known;
      return await this.#instead.reserve(month, wanted, most);
    }
  }

  async giveBack(month: string, bytes: number): Promise<void> {
    if (this.#instead) return await this.#instead.giveBack(month, bytes);
    this.#known.set(month, await this.#change(month, (before) => Math.max(0, before - bytes)));
  }

  /** Puts another sum in the place of the month's own, in one step; earlier months go. Resolves when it is safe. */
  async #change(month: string, next: (before: number) => number): Promise<number> {
    const database = await (this.#opening ??= open());
    return await new Promise((resolve, reject) => {
      const step = database.transaction(STORE, "readwrite", { durability: "strict" });
      const store = step.objectStore(STORE);
      let after = 0;
      const reading = store.get(month);
      reading.onsuccess = () => {
        const before: unknown = reading.result;
        after = next(typeof before === "number" && before >= 0 ? before : 0);
        if (after === before) return;
        // What comes back late for a month that is over must not touch this one's.
        store.delete(IDBKeyRange.upperBound(month, true));
        store.put(after, month);
      };
      step.oncomplete = () => resolve(after);
      step.onabort = () => reject(step.error ?? new Error("Nothing can be kept here."));
    });
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(VAULT_NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => {
      const database = opening.result;
      // Another tab deletes everything, or brings a newer version.
      database.onversionchange = () => database.close();
      resolve(database);
    };
    opening.onerror = () => reject(opening.error ?? new Error("Nothing can be kept here."));
    opening.onblocked = () => reject(new Error("Nothing can be kept here."));
  });
}
