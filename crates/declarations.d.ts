/** What package.mjs and bundlers make of the artefacts, as TypeScript sees it. */

/** The bytes of the artefact `st`, in base64. */
declare module '*/st-inline.js' {
  export const base64: string;
}

declare module '*.wasm' {
  const module: WebAssembly.Module;
  // biome-ignore lint/style/noDefaultExport: that is how bundlers and edge runtimes give a module of wasm.
  export default module;
}

declare module '*.wasm?module' {
  const module: WebAssembly.Module;
  // biome-ignore lint/style/noDefaultExport: as above.
  export default module;
}
