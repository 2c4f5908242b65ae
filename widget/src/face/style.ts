/** The element's look. Colours are custom properties, parts are named, directions are logical. */

export const CSS = `
:host {
  --uw-ink: #16202a;
  --uw-muted: #4a5764;
  --uw-paper: #fff;
  --uw-line: #c5ced6;
  --uw-rest: #66737f;
  --uw-live: #0b7a53;
  --uw-wait: #1d5fa8;
  --uw-warn: #a3440a;
  color-scheme: light dark;
  display: block;
  max-inline-size: 34rem;
  font: 1rem/1.5 system-ui, sans-serif;
  text-align: start;
}
:host([hidden]) { display: none; }
@media (prefers-color-scheme: dark) {
  :host {
    --uw-ink: #edf2f6;
    --uw-muted: #b0bcc7;
    --uw-paper: #18212a;
    --uw-line: #3c4a57;
    --uw-rest: #8795a2;
    --uw-live: #3ecf9a;
    --uw-wait: #7db8f5;
    --uw-warn: #f5a66b;
  }
}
[part="panel"] {
  color: var(--uw-ink);
  background: var(--uw-paper);
  border: 1px solid var(--uw-line);
  border-radius: 0.75rem;
  padding: 1rem 1.25rem;
}
[part="switch"] {
  all: unset;
  box-sizing: border-box;
  display: flex;
  align-items: center;
  justify-content: space-between;
  gap: 1rem;
  inline-size: 100%;
  min-block-size: 2.75rem;
  border-radius: 0.5rem;
  font-weight: 650;
  font-size: 1.125rem;
  line-height: 1.3;
  cursor: pointer;
}
[part="switch"]:focus-visible { outline: 3px solid var(--uw-wait); outline-offset: 3px; }
[part="switch"][data-unable] { cursor: not-allowed; }
[part="switch"][data-unable] [part="track"] { opacity: 0.5; }
[part="track"] {
  flex: none;
  box-sizing: border-box;
  inline-size: 3.25rem;
  block-size: 1.875rem;
  padding: 0.1875rem;
  border: 2px solid var(--uw-rest);
  border-radius: 1rem;
  background: var(--uw-rest);
  transition: background-color 0.15s, border-color 0.15s;
}
[part="thumb"] {
  display: block;
  inline-size: 1.125rem;
  block-size: 1.125rem;
  border-radius: 50%;
  background: var(--uw-paper);
  transition: margin 0.15s;
}
[aria-checked="true"] [part="track"] { background: var(--uw-wait); border-color: var(--uw-wait); }
:host([state="helping"]) [part="track"] { background: var(--uw-live); border-color: var(--uw-live); }
:host(:is([state="error"], [state="paused"])) [part="track"] { background: var(--uw-warn); border-color: var(--uw-warn); }
[aria-checked="true"] [part="thumb"] { margin-inline-start: 1.375rem; }
[data-wordless] { visibility: hidden; }
p { margin: 0; }
[part="sentence"] { margin-block-start: 0.5rem; color: var(--uw-muted); font-size: 0.9375rem; }
[part="status"] { margin-block-start: 0.75rem; font-weight: 600; }
:host([state="helping"]) [part="status"] { color: var(--uw-live); }
:host(:is([state="connecting"], [state="waiting"])) [part="status"] { color: var(--uw-wait); }
:host(:is([state="error"], [state="paused"])) [part="status"] { color: var(--uw-warn); }
[part="carried"] { color: var(--uw-muted); font-size: 0.9375rem; font-variant-numeric: tabular-nums; }
[part="carried"]:empty { display: none; }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
@media (forced-colors: active) {
  [part="track"] { border-color: ButtonText; background: Canvas; }
  [part="thumb"] { background: ButtonText; }
  [aria-checked="true"] [part="track"] { background: Highlight; }
}
`;
