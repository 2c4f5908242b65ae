/** German: the words of the browser extension. */

import type { ExtensionWords } from "./words.js";

export const WORDS: ExtensionWords = {
  tag: "de",
  direction: "ltr",
  name: "Unwalled: anderen freies Lesen ermöglichen",
  description: "Macht Ihren Browser, solange er offen ist, zum Durchgang für Menschen, für die eine Redaktion gesperrt ist.",
  title: "Anderen freies Lesen ermöglichen, auch während Sie anderes tun",
  lead: "In manchen Ländern ist eine Redaktion, der Sie vertrauen, nicht zu erreichen. Nennen Sie sie hier, und Ihr Browser wird für Menschen dort zum Durchgang, solange er offen ist. Nichts wird gesendet, bevor Sie eine nennen, und niemandem wird geholfen, bevor Sie einschalten.",
  sentence: "Solange dieser Browser offen ist, reicht er verschlüsselte Daten zwischen der Redaktion, die Sie gewählt haben, und Menschen weiter, für die sie gesperrt ist. Was sie lesen, können Sie nicht sehen, und die gelesenen Seiten sehen die Adresse der Redaktion, niemals Ihre.",
  stops: "Es läuft nie gegen Ihren Willen weiter: Sie können jederzeit aufhören, und mit dem Schließen des Browsers ist Schluss.",
  keep: "Weitermachen, wenn der Browser neu startet",
  keepNote: "Das wird nur in Ihrem Browser gespeichert; Ausschalten nimmt es zurück.",
  address: "Adresse der Seite der Redaktion, auf der der Schalter ist",
  use: "Wählen",
  looking: "{host} wird gefragt …",
  chosen: "Sie haben {host} gewählt. Schalten Sie ein, um zu helfen.",
  noAddress: "Das ist keine Adresse eines Servers, wie https://bridge.example eine ist.",
  noOperator: "{host} antwortet, ist aber kein Server, über den Leserinnen und Lesern geholfen werden kann.",
  unreachable: "{host} ist nicht zu erreichen. Stimmt die Adresse, und sind Sie online?",
  whom: "Sie helfen {host}.",
  nobody: "Sie haben noch nicht gewählt, wem Sie helfen.",
  choose: "Eine Redaktion wählen",
};
