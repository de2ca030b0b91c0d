/**
 * All workers in one script, for bundlers and content policies that want one: its name says what it is to be, see
 * `startWorker`. Wiring only.
 */
const role = (globalThis as { readonly name?: string }).name?.split(' ')[1];
if (role === 'disk') await import('./disk.ts');
else if (role === 'store') await import('./store.ts');
else await import('./inline.ts');

export {};
