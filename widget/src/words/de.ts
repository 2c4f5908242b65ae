/** Deutsch. */

import type { Words } from "./words.js";

export const WORDS: Words<"one"> = {
  switch: {
    label: "Anderen freies Lesen ermöglichen",
    sentence:
      "Solange diese Seite offen ist, reicht Ihr Browser verschlüsselte Daten zwischen dieser Redaktion und Menschen weiter, für die sie gesperrt ist. Was sie lesen, können Sie nicht sehen, und die gelesenen Seiten sehen die Adresse der Redaktion, niemals Ihre.",
    off: "Aus. Nichts wird gesendet, bis Sie einschalten.",
    connecting: "Verbindung wird aufgebaut …",
    waiting: "Bereit. Wartet auf jemanden, der einen Weg hindurch braucht.",
    helping: { one: "Hilft gerade einem Menschen.", other: "Hilft gerade {count} Menschen." },
    paused: {
      offline: "Pause: Dieses Gerät ist offline. Es geht von selbst weiter, sobald es wieder online ist.",
      hidden: "Pause, solange diese Seite nicht zu sehen ist.",
      charging: "Pause, bis dieses Gerät geladen wird.",
      metered: "Pause: In diesem Netz kosten Daten Geld, oder der Datensparmodus ist an.",
      hours: "Pause bis zu den Stunden, die Sie gewählt haben.",
      spent: "Pause: Die Daten für diesen Monat sind aufgebraucht. Danke!",
      elsewhere: "Ein anderer Tab oder ein anderes Fenster dieses Browsers hilft schon.",
    },
    unsupported: { browser: "Dieser Browser kann nicht helfen: WebRTC fehlt oder ist abgeschaltet." },
    error: {
      unreachable: "Der Server ist nicht erreichbar. Es wird von selbst wieder versucht.",
      operator: "Diese Seite sagt nicht richtig, welchem Server geholfen werden soll.",
      full: "Der Server hat gerade genug Helfer. Es wird von selbst wieder versucht.",
      version: "Diese Seite ist zu alt für ihren Server. Zum Helfen bitte neu laden.",
      network: "Ihr Netz lässt niemanden herein. Ein anderes tut es vielleicht.",
      protocol: "Die Antwort des Servers war nicht zu verstehen. Es wird von selbst wieder versucht.",
    },
    carried: "Bisher {amount} weitergereicht",
  },
};
