/** Stand-ins for what the browser gives. They do what the tests tell them, at once. */

import type { Transports } from "../src/bridge/lane.js";

export class FakeSocket {
  readonly sent: unknown[] = [];
  bufferedAmount = 0;
  readyState = 0;
  binaryType = "blob";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  send(data: unknown): void {
    this.sent.push(data);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  receive(data: unknown): void {
    this.onmessage?.({ data });
  }

  /** What was sent, as JSON values. */
  get said(): unknown[] {
    return this.sent.map((text) => JSON.parse(String(text)) as unknown);
  }
}

export class FakeChannel {
  label = "data";
  ordered = true;
  maxRetransmits: number | null = null;
  maxPacketLifeTime: number | null = null;
  readyState = "connecting";
  binaryType = "blob";
  bufferedAmount = 0;
  readonly sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;

  send(data: unknown): void {
    this.sent.push(data);
  }

  close(): void {
    this.readyState = "closing";
  }

  open(): void {
    this.readyState = "open";
    this.onopen?.();
  }
}

const ANSWER = [
  "v=0",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "a=ice-ufrag:abcd",
  `a=ice-pwd:${"p".repeat(24)}`,
  `a=fingerprint:sha-256 ${Array<string>(32).fill("AB").join(":")}`,
  "a=setup:active",
  "",
].join("\r\n");

export class FakePeer {
  connectionState = "new";
  iceGatheringState = "complete";
  localDescription: { sdp: string } | null = null;
  ondatachannel: ((event: { channel: FakeChannel }) => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  onicecandidate: ((event: { candidate: { type: string } | null }) => void) | null = null;
  onicegatheringstatechange: (() => void) | null = null;
  closed = false;
  refusing = false;

  async setRemoteDescription(): Promise<void> {
    if (this.refusing) throw new Error("no such offer");
    // As in a browser: what a closed connection was asked never settles.
    if (this.closed) await new Promise(() => undefined);
  }

  async createAnswer(): Promise<{ type: "answer"; sdp: string }> {
    return { type: "answer", sdp: ANSWER };
  }

  async setLocalDescription({ sdp }: { sdp: string }): Promise<void> {
    this.localDescription = { sdp };
  }

  close(): void {
    this.closed = true;
  }
}

export class FakeTransports implements Transports {
  readonly peers: FakePeer[] = [];
  readonly sockets: FakeSocket[] = [];
  isHidden = false;
  prepare: (peer: FakePeer) => void = () => undefined;

  connect(): RTCPeerConnection {
    const peer = new FakePeer();
    this.prepare(peer);
    this.peers.push(peer);
    return peer as unknown as RTCPeerConnection;
  }

  socket(url: string): WebSocket {
    const socket = new FakeSocket(url);
    this.sockets.push(socket);
    return socket as unknown as WebSocket;
  }

  /** Holds everybody until they are let go, if a test wants it. */
  breath: Promise<void> = Promise.resolve();

  breathe(): Promise<void> {
    return this.breath;
  }

  hidden(): boolean {
    return this.isHidden;
  }

  /** Both sides of a lane open. */
  openLane(index: number): { socket: FakeSocket; channel: FakeChannel } {
    const channel = new FakeChannel();
    const socket = this.sockets[index];
    if (!socket) throw new Error("There is no such lane.");
    socket.open();
    this.peers[index]?.ondatachannel?.({ channel });
    channel.open();
    return { socket, channel };
  }
}

export const OFFER = {
  ufrag: "abcd",
  pwd: "A".repeat(22),
  fingerprint: "ab".repeat(32),
  setup: "actpass",
  candidates: [],
  max_message: 262_144,
};
