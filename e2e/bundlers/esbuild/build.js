import { build } from 'esbuild';

await build({
  entryPoints: { main: 'main.js', 'opfs-blocks-worker': 'opfs-blocks/workers/any.js' },
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  target: 'es2022',
});
