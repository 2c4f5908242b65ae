/** IP literals: reading them, and telling those of the open Internet from all others. Pure. */

/** 4 or 16 bytes, or undefined when `text` is no IP literal. No zones (`fe80::1%eth0`), no IPv4 inside of IPv6 text. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

function parseV4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  const valid = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return valid ? Uint8Array.from(parts, Number) : undefined;
}

function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  const [head, tail] = halves.map(parseGroups);
  if (!head || halves.length > 2) return undefined;
  if (halves.length === 1) return head.length === 16 ? Uint8Array.from(head) : undefined;
  // "::" stands for at least one group.
  if (!tail || head.length + tail.length > 14) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail]);
}

function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]);
}

/** The list of docs/protocol/signalling.md: ranges as leading bytes and a count of bits. */
type Range = readonly [bits: number, ...prefix: number[]];

const PRIVATE_V4: readonly Range[] = [
  [8, 0],
  [8, 10],
  [10, 100, 64],
  [8, 127],
  [16, 169, 254],
  [12, 172, 16],
  [24, 192, 0, 0],
  [16, 192, 168],
  [15, 198, 18],
  [3, 224],
];

const PRIVATE_V6: readonly Range[] = [
  // ::/96, ::ffff:0:0/96, 64:ff9b::/32 and 2002::/16 can hide an IPv4 address of any kind.
  [96],
  [96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
  [32, 0, 0x64, 0xff, 0x9b],
  [16, 0x20, 0x02],
  [7, 0xfc],
  [9, 0xfe, 0x80],
  [8, 0xff],
];

function inRange(address: Uint8Array, [bits, ...prefix]: Range): boolean {
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = (0xff << Math.max(0, 8 - (bits - bit))) & 0xff;
    const at = bit / 8;
    if (((address[at] ?? 0) & mask) !== (prefix[at] ?? 0)) return false;
  }
  return true;
}

/** Whether an address (as bytes) is not one of the open Internet. */
export function isPrivateAddress(address: Uint8Array): boolean {
  return (address.length === 4 ? PRIVATE_V4 : PRIVATE_V6).some((range) => inRange(address, range));
}

/** Whether a URL's host name (as `URL.hostname` gives it) is this computer's or a private network's. */
export function isPrivateHost(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  const address = parseAddress(name.replace(/^\[|\]$/g, ""));
  return address !== undefined && isPrivateAddress(address);
}
