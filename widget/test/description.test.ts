import assert from "node:assert/strict";
import { test } from "node:test";
import { isPrivateAddress, isPrivateHost, parseAddress } from "../src/wire/address.js";
import { checkDescription, DescriptionError, fromSdp, toSdp } from "../src/wire/description.js";

const HEX = "ab".repeat(32);
const OFFER = {
  ufrag: "abcd",
  pwd: "A".repeat(22),
  fingerprint: HEX,
  setup: "actpass",
  candidates: ["1 1 udp 2122194687 8.8.8.8 54739 typ host", "2 1 udp 100 2a00:1450::1 9 typ srflx"],
  max_message: 262_144,
};

function answerSdp(...more: string[]): string {
  return [
    "v=0",
    "o=- 613 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    "a=ice-ufrag:m0MO",
    `a=ice-pwd:${"b".repeat(24)}`,
    `a=fingerprint:sha-256 ${HEX.toUpperCase().match(/../g)?.join(":")}`,
    "a=setup:active",
    "a=max-message-size:262144",
    ...more,
    "",
  ].join("\r\n");
}

test("a good offer passes unchanged, without what it has too much", () => {
  assert.deepEqual(checkDescription({ ...OFFER, extra: 1, sctp_init: "" }, "offer", false), OFFER);
  assert.equal(checkDescription({ ...OFFER, sctp_init: "AQA=" }, "offer", false).sctp_init, "AQA=");
});

test("every wrong field is refused", () => {
  const wrong: Record<string, readonly unknown[]> = {
    ufrag: [undefined, 1, "abc", "a".repeat(257), "abc\r\n", "abc d"],
    pwd: [undefined, "A".repeat(21), "A".repeat(257), `${"A".repeat(22)}\n`],
    fingerprint: [undefined, HEX.toUpperCase(), HEX.slice(1)],
    setup: [undefined, "active", "passive", "holdconn"],
    candidates: [undefined, {}, "x", [1], ["x"], ["1 1 udp 1 8.8.8.8 1 typ host\r\na=x"], Array(25).fill(OFFER.candidates[0])],
    max_message: [undefined, "16384", 16_383, 16_384.5, 2 ** 31, NaN],
    sctp_init: [1, "a b", "A".repeat(257)],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      assert.throws(() => checkDescription({ ...OFFER, [field]: value }, "offer", true), DescriptionError, `${field}: ${String(value)}`);
    }
  }
  for (const value of [null, undefined, 1, "x", []]) assert.throws(() => checkDescription(value, "offer", true), DescriptionError);
  assert.throws(() => checkDescription(OFFER, "answer", true), DescriptionError);
});

test("candidates that must not be used are skipped", () => {
  const skipped = [
    "1 2 udp 1 8.8.8.8 1 typ host",
    "1 1 tcp 1 8.8.8.8 1 typ host",
    "1 1 udp 1 x-y.local 1 typ host",
    "1 1 udp 1 8.8.8.8 0 typ host",
    "1 1 udp 1 08.8.8.8 1 typ host",
  ];
  assert.deepEqual(checkDescription({ ...OFFER, candidates: skipped }, "offer", true).candidates, []);
  const local = ["1 1 udp 1 192.168.1.1 1 typ host"];
  assert.deepEqual(checkDescription({ ...OFFER, candidates: local }, "offer", false).candidates, []);
  assert.deepEqual(checkDescription({ ...OFFER, candidates: local }, "offer", true).candidates, local);
});

test("what is written for the stack reads back as the same", () => {
  for (const offer of [OFFER, { ...OFFER, candidates: [] }, { ...OFFER, sctp_init: "AQA=" }]) {
    assert.deepEqual(fromSdp(toSdp(checkDescription(offer, "offer", false)), "offer", false), offer);
  }
});

test("the stack's own SDP loses host names, private addresses and what stands behind the type", () => {
  const sdp = answerSdp(
    "a=candidate:1 1 udp 2113937151 f0-9d.local 32966 typ host generation 0 network-cost 999",
    "a=candidate:2 1 UDP 5 9.9.9.9 40000 typ srflx raddr 10.0.0.1 rport 4 generation 0",
    "a=candidate:3 1 udp 5 10.0.0.1 40000 typ host",
    "a=candidate:4 1 tcp 5 9.9.9.9 9 typ host tcptype active",
  );
  assert.deepEqual(fromSdp(sdp, "answer", false).candidates, ["2 1 udp 5 9.9.9.9 40000 typ srflx"]);
  assert.equal(fromSdp(sdp, "answer", true).candidates.length, 2);
});

test("of too many candidates those that are not host stay", () => {
  const host = Array.from({ length: 30 }, (_, at) => `a=candidate:${at} 1 udp 5 9.9.9.9 ${at + 1} typ host`);
  const { candidates } = fromSdp(answerSdp(...host, "a=candidate:9 1 udp 5 9.9.9.9 99 typ srflx"), "answer", false);
  assert.equal(candidates.length, 24);
  assert.equal(candidates[0], "9 1 udp 5 9.9.9.9 99 typ srflx");
});

test("an SDP that is not of one data channel is refused", () => {
  const bad = [
    "",
    answerSdp("m=audio 9 UDP/TLS/RTP/SAVPF 111"),
    answerSdp("a=setup:passive"),
    answerSdp("a=candidate:nonsense"),
    answerSdp("a=x:".padEnd(17_000, "x")),
    answerSdp(...Array<string>(300).fill("a=x")),
    answerSdp().replace("sha-256", "sha-1"),
    answerSdp().replace("262144", "many"),
    answerSdp().replace("webrtc", "x").replace("application", "audio"),
  ];
  for (const sdp of bad) assert.throws(() => fromSdp(sdp, "answer", true), DescriptionError);
  assert.equal(fromSdp(answerSdp().replace("a=max-message-size:262144\r\n", ""), "answer", true).max_message, 65_536);
  assert.equal(fromSdp(answerSdp().replace("262144", "0"), "answer", true).max_message, 2 ** 31 - 1);
});

test("addresses are read exactly", () => {
  for (const text of ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.04", "1::2::3", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "fe80::1%0", "::1.2.3.4", "g::", "12345::", ":1:2:3:4:5:6:7"]) {
    assert.equal(parseAddress(text), undefined, text);
  }
  assert.deepEqual([...(parseAddress("2001:db8::ff00:1") ?? [])], [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 1]);
  assert.equal(parseAddress("::")?.length, 16);
  assert.equal(parseAddress("1:2:3:4:5:6:7:8")?.length, 16);
});

test("private ranges end where they end", () => {
  const closed = "0.1.2.3 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.9 192.168.0.1 198.18.0.1 198.19.255.255 224.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:7f00:1 64:ff9b::a00:1 64:ff9b:1::1 2002:a00:1::1 fc00::1 fdff::1 fe80::1 fec0::1 ff02::1";
  const open = "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.1.1.1 128.0.0.1 169.253.0.1 172.15.0.1 172.32.0.1 192.0.1.1 192.167.1.1 192.169.1.1 198.17.1.1 198.20.1.1 223.255.255.255 2001:4860::1 2a00::1 64:ff9c::1 2003::1 fb00::1 fe00::1";
  for (const text of closed.split(" ")) assert.equal(isPrivateAddress(parseAddress(text) ?? new Uint8Array()), true, text);
  for (const text of open.split(" ")) assert.equal(isPrivateAddress(parseAddress(text) ?? new Uint8Array()), false, text);
});

test("an operator on this computer or a private network is known by its URL", () => {
  for (const url of ["http://localhost:1", "http://a.localhost", "http://127.0.0.1", "http://[::1]:2", "http://10.1.1.1"]) {
    assert.equal(isPrivateHost(new URL(url).hostname), true, url);
  }
  for (const url of ["https://news.example", "https://localhost.example", "https://8.8.8.8", "https://[2a00::1]"]) {
    assert.equal(isPrivateHost(new URL(url).hostname), false, url);
  }
});
