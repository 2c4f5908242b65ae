/** "Can my connection help?": the self-test and its findings, in words. */

import type { Check, Findings } from "../helping/snapshot.js";
import type { DetailsWords, Finding } from "../words/words.js";
import { button } from "./controls.js";
import type { Context, Section } from "./details.js";
import { make, setText } from "./dom.js";

export function check({ check: words }: DetailsWords, { driver }: Context): Section {
  const start = button(words.start, () => driver.check());
  const verdict = make("p", { part: "verdict", role: "status" });
  const findings = make("ul", { part: "findings" });
  let shown: Check | undefined;
  return {
    title: words.title,
    content: [make("p", { part: "note" }, words.note), start, verdict, findings],
    render: ({ check }) => {
      if (check === shown) return;
      shown = check;
      start.disabled = check.state === "running";
      setText(start, check.state === "none" ? words.start : words.again);
      verdict.dataset["verdict"] = check.state === "done" ? check.verdict : "";
      switch (check.state) {
        case "none":
          setText(verdict, "");
          findings.replaceChildren();
          break;
        case "running":
          setText(verdict, words.running);
          findings.replaceChildren();
          break;
        case "done":
          setText(verdict, words[check.verdict]);
          findings.replaceChildren(...found(check, words).map((text) => make("li", {}, text)));
      }
    },
  };
}

/** What was found out, in the order in which one thing needs the other. */
function found(findings: Findings, words: DetailsWords["check"]): string[] {
  return (["operator", "socket", "udp", "varying"] as const).flatMap((name) => {
    const value = findings[name];
    const finding: Finding = words[name];
    return value === null ? [] : [value ? finding.yes : finding.no];
  });
}
