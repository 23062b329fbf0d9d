/** tsc's view of a shader import; Deno and Vite supply the text. */
declare module '*.wgsl' {
  const source: string;
  export default source;
}
