/** What the page of the reader needs to know of invites: their text, and whether one is whole. docs/protocol/invite.md. */

export type Verdict = "none" | "whole" | "damaged";

const INVITE = /^uw[12]\.[A-Za-z0-9_-]{100,4000}$/;
const CHECK_BYTES = 4;

/** The invite in a link's fragment, or undefined when it holds nothing that looks like one. */
export function inviteIn(fragment: string): string | undefined {
  const text = fragment.replace(/^#/, "").trim();
  return INVITE.test(text) ? text : undefined;
}

/** Whether the fragment holds an invite, and whether its check sum is right. Nothing leaves the page. */
export async function judge(fragment: string, subtle: Pick<SubtleCrypto, "digest"> | undefined): Promise<Verdict> {
  if (fragment.replace(/^#/, "").trim() === "") return "none";
  const invite = inviteIn(fragment);
  if (invite === undefined) return "damaged";
  // Without a secure context there is no hash function here; the program checks again anyway.
  if (!subtle) return "whole";
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Uint8Array.from(atob(invite.slice(4).replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  } catch {
    return "damaged";
  }
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes.slice(0, -CHECK_BYTES)));
  const check = bytes.slice(-CHECK_BYTES);
  return check.every((byte, index) => byte === digest[index]) ? "whole" : "damaged";
}

/** The command for a terminal. An invite has no character that a shell would take for its own. */
export function commandFor(invite: string): string {
  return `unwalled connect ${invite}`;
}
