/** The switch on the extension's own pages: the same element as on a newsroom's page, driven from afar. */

import type { Driver } from "../face/details.js";
import { UnwalledBridgeElement } from "../face/element.js";
import type { News } from "./messages.js";
import { Remote, RemoteDriver } from "./remote.js";
import { speak } from "./say.js";

class RemoteBridgeElement extends UnwalledBridgeElement {
  protected override makeDriver(): Driver {
    return new RemoteDriver(remote);
  }

  renew(): void {
    this.changed();
  }
}

speak();

const found = document.querySelector("unwalled-bridge");
let onNews: (news: News) => void = () => undefined;

const remote = new Remote((news) => {
  if (!found) return;
  // Only now, so that the switch never shows what it does not know.
  if (!customElements.get("unwalled-bridge")) customElements.define("unwalled-bridge", RemoteBridgeElement);
  if (!(found instanceof RemoteBridgeElement)) return;
  found.hidden = news.operator === "";
  if (found.operator !== news.operator) found.operator = news.operator;
  found.renew();
  onNews(news);
});

/** Shows the switch, and tells the page about everything that happens from now on. */
export function showSwitch(listener: (news: News) => void): Remote {
  onNews = listener;
  if (remote.news) listener(remote.news);
  return remote;
}
