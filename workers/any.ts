/**
 * All workers in one script, for bundlers and content policies that want one: its name says what it is to be, see
 * `startWorker`. Wiring only.
 *
 * While the part that is asked for is being loaded nobody listens yet, and browsers do not keep messages for later: so
 * they are kept here.
 */
const early: MessageEvent[] = [];
const keep = (event: MessageEvent): void => void early.push(event);
addEventListener('message', keep);

const role = (globalThis as { readonly name?: string }).name?.split(' ')[1];
if (role === 'disk') await import('./disk.ts');
else if (role === 'store') await import('./store.ts');
else await import('./inline.ts');

removeEventListener('message', keep);
for (const { data, ports } of early) {
  dispatchEvent(new MessageEvent('message', { data, ports: [...ports] }));
}

export {};
