const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default {
  base: './',
  // Vite 7 would bundle the package for the development server and lose its workers; Vite 8 does not.
  optimizeDeps: { exclude: ['opfs-blocks'] },
  server: { headers },
};
