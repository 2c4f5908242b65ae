/**
 * What the browser extension says besides the switch itself. The build turns each language's module into the form that browsers
 * read; they choose the language. `{host}` stands for the name of the newsroom's server and must be in the translation too.
 */
export interface ExtensionWords {
  /** The language of this module, and the direction in which it is written. */
  readonly tag: string;
  readonly direction: "ltr" | "rtl";
  /** At most 45 characters. */
  readonly name: string;
  /** In the lists of extensions; at most 132 characters. */
  readonly description: string;
  readonly title: string;
  readonly lead: string;
  /** In the place of the switch's sentence, which speaks of a page. */
  readonly sentence: string;
  /** In the place of some of the details' words, which speak of a page. */
  readonly stops: string;
  readonly keep: string;
  readonly keepNote: string;
  readonly address: string;
  readonly use: string;
  readonly looking: string;
  readonly chosen: string;
  readonly noAddress: string;
  readonly noOperator: string;
  readonly unreachable: string;
  /** Beneath the switch: whom it helps. */
  readonly whom: string;
  readonly nobody: string;
  readonly choose: string;
}
