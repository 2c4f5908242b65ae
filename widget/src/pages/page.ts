/** What the operator's pages have in common. Their words stand in the documents; scripts only put values in. */

/** An element that the document of this script has for sure. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page lacks #${id}.`);
  return element as Kind;
}

/** Where the operator is: the folder of this page, without the slash at its end. */
export function operatorUrl(): string {
  return new URL(".", location.href).href.replace(/\/$/, "");
}

/** Each button with `data-copy` copies the text of the element so named, and says so in the note that follows it. */
export function enableCopying(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
    button.addEventListener("click", () => void copy(button));
  }
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const { copy: id = "", done = "", refused = "" } = button.dataset;
  const source = byId(id);
  const note = button.nextElementSibling;
  let said = done;
  try {
    await navigator.clipboard.writeText(source.textContent ?? "");
  } catch {
    getSelection()?.selectAllChildren(source);
    said = refused;
  }
  if (note) note.textContent = said;
}
