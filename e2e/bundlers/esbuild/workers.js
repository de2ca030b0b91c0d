// esbuild does not follow `new URL(…, import.meta.url)`: all workers are one entry of their own, see build.js.
/** For the option `worker` of `openStore`. */
export const worker = new URL('./opfs-blocks-worker.js', import.meta.url);
