/**
 * The names of disposal. Where a browser does not know them yet, `using` is translated by the application's bundler,
 * and what that makes looks for these registered symbols instead.
 */
export const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');
export const ASYNC_DISPOSE: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');
