/** English: the words of the browser extension. */

import type { ExtensionWords } from "./words.js";

export const WORDS: ExtensionWords = {
  tag: "en",
  direction: "ltr",
  name: "Unwalled: help people read freely",
  description: "Lends your browser as a way through to people for whom a newsroom is blocked, while your browser is open.",
  title: "Help people read freely, also while you do other things",
  lead: "In some countries, people cannot reach a newsroom that you trust. Name it here, and your browser becomes a way through for them while it is open. Nothing is sent before you name one, and nobody is helped before you turn the switch on.",
  sentence:
    "While this browser is open, it passes on encrypted data between the newsroom that you chose and people for whom it is blocked. You cannot see what they read, and the sites they read see the newsroom’s address, never yours.",
  stops: "It never goes on against your will: you can stop at any time, and closing the browser ends it.",
  keep: "Go on when the browser starts again",
  keepNote: "This is stored in your browser alone; turning the switch off takes it back.",
  address: "Address of the newsroom’s page with the switch",
  use: "Choose",
  looking: "Asking {host} …",
  chosen: "You chose {host}. Turn the switch on to help.",
  noAddress: "This is no address of a server, such as https://bridge.example.",
  noOperator: "{host} answers, but it is no server that readers can be helped through.",
  unreachable: "{host} cannot be reached. Is the address right, and are you online?",
  whom: "You help {host}.",
  nobody: "You have not chosen whom to help yet.",
  choose: "Choose a newsroom",
};
