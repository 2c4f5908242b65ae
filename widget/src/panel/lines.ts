/** Cuts a stream of text into its lines. */

const MOST_CHARS = 8 << 20;

export class Lines {
  #rest = "";

  /** The lines that are whole now. Throws when one is longer than any of the program. */
  push(text: string): string[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > MOST_CHARS) throw new RangeError("A line of the stream is too long.");
    return lines;
  }
}
