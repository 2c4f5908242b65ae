/** Spanish: the words of the browser extension. */

import type { ExtensionWords } from "./words.js";

export const WORDS: ExtensionWords = {
  tag: "es",
  direction: "ltr",
  name: "Unwalled: ayuda a leer con libertad",
  description: "Presta tu navegador, mientras está abierto, como vía de paso a personas para quienes una redacción está bloqueada.",
  title: "Ayuda a otras personas a leer con libertad, también mientras haces otras cosas",
  lead: "En algunos países no se puede llegar a una redacción en la que confías. Indícala aquí y tu navegador será una vía para esas personas mientras esté abierto. No se envía nada antes de que indiques una, y no se ayuda a nadie antes de que enciendas el interruptor.",
  sentence: "Mientras este navegador está abierto, pasa datos cifrados entre la redacción que elegiste y personas para quienes está bloqueada. No puedes ver lo que leen, y los sitios que leen ven la dirección de la redacción, nunca la tuya.",
  stops: "Nunca sigue contra tu voluntad: puedes parar en cualquier momento, y al cerrar el navegador se acaba.",
  keep: "Seguir cuando el navegador vuelva a arrancar",
  keepNote: "Esto se guarda solo en tu navegador; apagar el interruptor lo anula.",
  address: "Dirección de la página de la redacción con el interruptor",
  use: "Elegir",
  looking: "Preguntando a {host}…",
  chosen: "Elegiste {host}. Enciende el interruptor para ayudar.",
  noAddress: "Esto no es la dirección de un servidor, como https://bridge.example.",
  noOperator: "{host} responde, pero no es un servidor por el que se pueda ayudar.",
  unreachable: "No se puede llegar a {host}. ¿Es correcta la dirección y tienes conexión?",
  whom: "Ayudas a {host}.",
  nobody: "Aún no has elegido a quién ayudar.",
  choose: "Elegir una redacción",
};
