import { defineConfig } from 'vite';

/** Cross-origin isolation, without which there is no SharedArrayBuffer. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  // Relative, so that the built demo works from any folder of any server.
  base: './',
  build: {
    outDir: 'site',
    target: 'es2022',
    sourcemap: true,
    rollupOptions: { input: ['index.html', 'docs.html'] },
  },
  worker: { format: 'es' },
  // Workers are found late; a dependency first met in one would reload the page in the middle of its work.
  optimizeDeps: {
    include: ['comlink', 'hash-wasm', 'idb-keyval', 'marked', 'uplot'],
    // They find their WebAssembly beside their own scripts.
    exclude: ['@sqlite.org/sqlite-wasm', '@journeyapps/wa-sqlite'],
  },
  server: { headers },
  preview: { headers },
});
