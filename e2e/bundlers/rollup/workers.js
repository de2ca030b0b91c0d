// Rollup does not follow `new URL(…, import.meta.url)`: the workers are entries of their own, see rollup.config.js.
/** For the option `worker` of `openStore`. */
export function worker(role) {
  return new Worker(new URL(`./${role}.js`, import.meta.url), { type: 'module' });
}
