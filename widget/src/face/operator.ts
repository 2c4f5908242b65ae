/** Who is helped when the page does not say: the operator from whom the script came. Pure. */

/**
 * The operator's base URL, without a slash at its end: the folder of the script, which need not be the root of its host. The
 * script of one version lies two folders deeper, in `widget/VERSION/`.
 */
export function operatorOf(script: string): string {
  const { origin, pathname } = new URL(script);
  return origin + pathname.replace(/\/(?:widget\/[0-9a-f]{16}\/)?[^/]*$/, "");
}
