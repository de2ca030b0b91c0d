/**
 * A service worker for hosts that cannot be told to send headers: it adds the two that make a page cross-origin
 * isolated, which is what shared memory needs. A page asked for with `?profile=inline` goes without them. Nothing is
 * cached. See `demo/isolation.ts` for who registers it, and for the guard against reloading for ever.
 */
addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => {
  const { request } = event;
  if (new URL(request.url).origin !== location.origin) return;
  if (request.cache === 'only-if-cached' && request.mode !== 'same-origin') return;
  event.respondWith(answer(request));
});

async function answer(request) {
  const response = await fetch(request);
  // Redirects and opaque answers cannot be made anew.
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  const wantsInline = new URL(request.url).searchParams.get('profile') === 'inline';
  if (request.mode === 'navigate' && wantsInline) {
    headers.delete('Cross-Origin-Opener-Policy');
    headers.delete('Cross-Origin-Embedder-Policy');
  } else {
    headers.set('Cross-Origin-Opener-Policy', 'same-origin');
    headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  }
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
