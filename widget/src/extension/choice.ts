/** Which operator the volunteer has chosen. It is kept in this browser, and nothing else is known about the volunteer. */

import { operatorUrl } from "./messages.js";

const KEY = "unwalled-operator";

/** The operator that whoever built the package proposes, or "". Put in by scripts/extension.mjs. */
declare const UNWALLED_OPERATOR: string;

/** Shown in the field of the options page until the volunteer has chosen. Nothing is sent to it before. */
export const PROPOSED = UNWALLED_OPERATOR;

/** Base URL, or "" while none has been chosen. */
export function readOperator(): string {
  const kept = localStorage.getItem(KEY) ?? "";
  return operatorUrl(kept) === kept ? kept : "";
}

export function writeOperator(operator: string): void {
  if (operator === "") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, operator);
}
