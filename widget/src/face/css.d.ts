/** A style sheet's text, made small by scripts/build.mjs. */
declare module "*.css" {
  const text: string;
  export default text;
}
