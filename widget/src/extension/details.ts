/** The details of the switch, in words that fit a browser and not a page. The package has them in the place of the page's own. */

import * as details from "../face/details.js";
import { DETAILS as ENGLISH } from "../words/en-details.js";
import { SWITCH as ENGLISH_SWITCH } from "../words/en.js";
import type { DetailsWords, Words } from "../words/words.js";
import { say } from "./say.js";

export const showCaution = details.showCaution;

export function showDetails(container: HTMLElement, context: details.Context): details.Details {
  const whole = context.whole ?? { switch: ENGLISH_SWITCH, details: ENGLISH };
  return details.showDetails(container, { ...context, whole: { ...whole, details: inABrowser(whole.details) } satisfies Words });
}

function inABrowser(words: DetailsWords): DetailsWords {
  const { how, keep } = words;
  const [address, before, stores, reads] = how.neverPoints;
  return {
    ...words,
    how: { ...how, neverPoints: [address, before, stores, reads, say("stops")] },
    keep: { ...keep, here: say("keep"), hereNote: say("keepNote") },
  };
}
