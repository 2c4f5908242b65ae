/** Turkish: the words of the browser extension. */

import type { ExtensionWords } from "./words.js";

export const WORDS: ExtensionWords = {
  tag: "tr",
  direction: "ltr",
  name: "Unwalled: özgürce okumaya yardım edin",
  description: "Tarayıcınızı, açık olduğu sürece, bir haber merkezine erişimi engellenen insanlara geçit olarak sunar.",
  title: "Başka işler yaparken de insanların özgürce okumasına yardım edin",
  lead: "Bazı ülkelerde insanlar, sizin güvendiğiniz bir haber merkezine ulaşamaz. Onu burada belirtin; tarayıcınız açık olduğu sürece onlara geçit olur. Siz birini belirtmeden hiçbir şey gönderilmez, düğmeyi açmadan kimseye yardım edilmez.",
  sentence: "Bu tarayıcı açık olduğu sürece, seçtiğiniz haber merkezi ile ona erişimi engellenen insanlar arasında şifreli veri aktarır. Ne okuduklarını göremezsiniz; okudukları siteler de sizin adresinizi asla değil, haber merkezinin adresini görür.",
  stops: "İsteğiniz dışında asla sürmez: İstediğiniz an durdurabilirsiniz; tarayıcıyı kapatınca biter.",
  keep: "Tarayıcı yeniden başlayınca devam et",
  keepNote: "Bu yalnızca tarayıcınızda saklanır; düğmeyi kapatmak bunu geri alır.",
  address: "Haber merkezinin, düğmenin bulunduğu sayfasının adresi",
  use: "Seç",
  looking: "{host} sunucusuna soruluyor…",
  chosen: "{host} sunucusunu seçtiniz. Yardım etmek için düğmeyi açın.",
  noAddress: "Bu, https://bridge.example gibi bir sunucu adresi değil.",
  noOperator: "{host} yanıt veriyor ama okurlara yardım edilebilecek bir sunucu değil.",
  unreachable: "{host} sunucusuna ulaşılamıyor. Adres doğru mu, çevrimiçi misiniz?",
  whom: "{host} için yardım ediyorsunuz.",
  nobody: "Kime yardım edeceğinizi henüz seçmediniz.",
  choose: "Bir haber merkezi seçin",
};
