/** Portuguese: the words of the browser extension. */

import type { ExtensionWords } from "./words.js";

export const WORDS: ExtensionWords = {
  tag: "pt",
  direction: "ltr",
  name: "Unwalled: ajude a ler com liberdade",
  description: "Empresta seu navegador, enquanto aberto, como caminho para pessoas para quem uma redação está bloqueada.",
  title: "Ajude outras pessoas a ler com liberdade, mesmo enquanto faz outras coisas",
  lead: "Em alguns países, não se consegue chegar a uma redação em que você confia. Indique-a aqui, e seu navegador será um caminho para essas pessoas enquanto estiver aberto. Nada é enviado antes de você indicar uma, e ninguém é ajudado antes de você ligar o botão.",
  sentence: "Enquanto este navegador estiver aberto, ele repassa dados criptografados entre a redação que você escolheu e pessoas para quem ela está bloqueada. Você não pode ver o que elas leem, e os sites que elas leem veem o endereço da redação, nunca o seu.",
  stops: "Nunca continua contra a sua vontade: você pode parar a qualquer momento, e fechar o navegador encerra tudo.",
  keep: "Continuar quando o navegador for aberto de novo",
  keepNote: "Isso fica guardado só no seu navegador; desligar o botão desfaz isso.",
  address: "Endereço da página da redação com o botão",
  use: "Escolher",
  looking: "Perguntando a {host}…",
  chosen: "Você escolheu {host}. Ligue o botão para ajudar.",
  noAddress: "Isto não é o endereço de um servidor, como https://bridge.example.",
  noOperator: "{host} responde, mas não é um servidor pelo qual se possa ajudar.",
  unreachable: "Não foi possível chegar a {host}. O endereço está certo, e você está on-line?",
  whom: "Você ajuda {host}.",
  nobody: "Você ainda não escolheu a quem ajudar.",
  choose: "Escolher uma redação",
};
