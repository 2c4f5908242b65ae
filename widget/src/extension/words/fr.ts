/** French: the words of the browser extension. */

import type { ExtensionWords } from "./words.js";

export const WORDS: ExtensionWords = {
  tag: "fr",
  direction: "ltr",
  name: "Unwalled : aidez à lire librement",
  description: "Prête votre navigateur, tant qu’il est ouvert, comme passage aux personnes pour qui une rédaction est bloquée.",
  title: "Aidez d’autres à lire librement, même en faisant autre chose",
  lead: "Dans certains pays, on ne peut pas accéder à une rédaction en qui vous avez confiance. Indiquez-la ici, et votre navigateur leur sert de passage tant qu’il est ouvert. Rien n’est envoyé avant que vous n’en indiquiez une, et personne n’est aidé avant que vous n’activiez l’interrupteur.",
  sentence: "Tant que ce navigateur est ouvert, il transmet des données chiffrées entre la rédaction que vous avez choisie et des personnes pour qui elle est bloquée. Vous ne pouvez pas voir ce qu’elles lisent, et les sites qu’elles lisent voient l’adresse de la rédaction, jamais la vôtre.",
  stops: "Cela ne continue jamais contre votre gré : vous pouvez arrêter à tout moment, et fermer le navigateur y met fin.",
  keep: "Continuer quand le navigateur redémarre",
  keepNote: "Cela n’est stocké que dans votre navigateur ; désactiver l’interrupteur l’annule.",
  address: "Adresse de la page de la rédaction où se trouve l’interrupteur",
  use: "Choisir",
  looking: "Demande à {host}…",
  chosen: "Vous avez choisi {host}. Activez l’interrupteur pour aider.",
  noAddress: "Ce n’est pas l’adresse d’un serveur, comme https://bridge.example.",
  noOperator: "{host} répond, mais ce n’est pas un serveur par lequel on peut aider.",
  unreachable: "{host} est injoignable. L’adresse est-elle juste, et êtes-vous en ligne ?",
  whom: "Vous aidez {host}.",
  nobody: "Vous n’avez pas encore choisi qui aider.",
  choose: "Choisir une rédaction",
};
