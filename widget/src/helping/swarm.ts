/** Helping only people whom the visitor knows: a secret, what the broker hears of it, and the link for those people. docs/protocol/invite.md. */

const TAG_BYTES = 16;
const CHECK_BYTES = 4;
/** MessagePack's head of an array of five elements, of six, and of 16 bytes. */
const [FIVE, SIX, SIXTEEN] = [0x95, 0x96, [0xc4, 0x10]] as const;
const SECRET = /^[A-Za-z0-9_-]{22}$/;
const GIVEN = /^uw1\.[A-Za-z0-9_-]{100,4000}$/;

/** Hashes can be made here; not so on pages that came over plain http. */
export function swarmsPossible(): boolean {
  return (globalThis.crypto as { subtle?: unknown } | undefined)?.subtle !== undefined;
}

export function isSecret(value: unknown): value is string {
  return typeof value === "string" && SECRET.test(value);
}

/** What the broker hears of a secret. */
export async function swarmTag(secret: string): Promise<string> {
  const context = new TextEncoder().encode("unwalled/1 swarm");
  return toB64((await sha256(joined(context, fromB64(secret)))).slice(0, TAG_BYTES));
}

/**
 * The link for the people who are to be helped.
 *
 * @param given What the operator gave for it, `uw1.…`.
 * @param operator Base URL of the operator, without a slash at its end.
 * @throws Error when the operator gave something else.
 */
export async function readersLink(given: string, secret: string, operator: string): Promise<string> {
  if (!GIVEN.test(given)) throw new Error("The operator gave no invite.");
  const body = fromB64(given.slice(4)).slice(0, -CHECK_BYTES);
  if (body[0] !== FIVE) throw new Error("The operator gave an invite of another kind.");
  const longer = joined(Uint8Array.of(SIX), body.slice(1), Uint8Array.from(SIXTEEN), fromB64(secret));
  const check = (await sha256(longer)).slice(0, CHECK_BYTES);
  return `${operator}/read#uw2.${toB64(joined(longer, check))}`;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function fromB64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}

function toB64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
