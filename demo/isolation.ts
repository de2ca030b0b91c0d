/**
 * Which profile the page asks for, and how it gets there. Shared memory needs two headers; where the host does not send
 * them, a service worker does, after one reload. `?profile=inline` asks to go without, and is the only switch there is:
 * the library looks at what the page has.
 *
 * The guard against reloading for ever: a reload is tried once for each wish and session. If the page is then still not
 * what it wished to be, it goes on as it is: the inline profile works everywhere.
 */
const TRIED = 'opfs-blocks demo: reloaded for';
const SCRIPT = 'isolation.js';
/** A service worker that takes longer will serve the next visit. */
const READY_MS_MAX = 4000;

export type Wish = 'threaded' | 'inline';

export function wish(): Wish {
  return new URL(location.href).searchParams.get('profile') === 'inline' ? 'inline' : 'threaded';
}

/** True: the page is about to reload, so nothing should be opened. */
export async function reloadsForWish(): Promise<boolean> {
  const wished = wish();
  if ((wished === 'threaded') === crossOriginIsolated) {
    sessionStorage.removeItem(TRIED);
    return false;
  }
  if (navigator.serviceWorker === undefined || sessionStorage.getItem(TRIED) === wished) {
    return false;
  }
  sessionStorage.setItem(TRIED, wished);
  if (!(await isServed())) return false;
  location.reload();
  return true;
}

/** Whether the service worker will answer the next request for this page. */
async function isServed(): Promise<boolean> {
  const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), READY_MS_MAX));
  const active = async (): Promise<boolean> => {
    await navigator.serviceWorker.register(SCRIPT);
    await navigator.serviceWorker.ready;
    return true;
  };
  // A host or a browser that refuses it leaves the page as it is.
  return Promise.race([active().catch(() => false), late]);
}
