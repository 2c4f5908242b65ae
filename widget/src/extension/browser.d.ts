/** The few of the browsers' extension interfaces that are used here; Chrome and Firefox both give them under this name. */

interface ExtensionEvent<Listener extends (...values: never[]) => unknown> {
  addListener(listener: Listener): void;
}

interface ExtensionPort {
  readonly name: string;
  readonly onMessage: ExtensionEvent<(message: unknown) => void>;
  readonly onDisconnect: ExtensionEvent<() => void>;
  postMessage(message: unknown): void;
  disconnect(): void;
}

interface ExtensionSender {
  /** The extension that sent a message: this one, unless it lets others in. */
  readonly id?: string;
}

declare const chrome: {
  readonly i18n: { getMessage(key: string): string };
  readonly runtime: {
    readonly id: string;
    readonly onInstalled: ExtensionEvent<(details: { readonly reason: string }) => void>;
    readonly onStartup: ExtensionEvent<() => void>;
    readonly onConnect: ExtensionEvent<(port: ExtensionPort) => void>;
    /** A listener that returns true answers later. */
    readonly onMessage: ExtensionEvent<
      (message: unknown, sender: ExtensionSender, respond: (answer: unknown) => void) => boolean | undefined
    >;
    connect(options: { readonly name: string }): ExtensionPort;
    sendMessage(message: unknown): Promise<unknown>;
    getURL(path: string): string;
    getPlatformInfo(): Promise<unknown>;
    openOptionsPage(): Promise<void>;
  };
  /** Not in Chrome's offscreen document. */
  readonly action?: {
    setIcon(details: { readonly path: Readonly<Record<number, string>> }): Promise<void>;
    setTitle(details: { readonly title: string }): Promise<void>;
    setBadgeText(details: { readonly text: string }): Promise<void>;
    setBadgeBackgroundColor(details: { readonly color: string }): Promise<void>;
    setBadgeTextColor(details: { readonly color: string }): Promise<void>;
  };
  /** Only Chrome has it, and only its worker uses it. */
  readonly offscreen: {
    createDocument(details: {
      readonly url: string;
      readonly reasons: readonly string[];
      readonly justification: string;
    }): Promise<void>;
    hasDocument(): Promise<boolean>;
  };
};
