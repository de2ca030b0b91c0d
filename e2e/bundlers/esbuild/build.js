import { readdirSync } from 'node:fs';
import { build } from 'esbuild';

const scripts = 'node_modules/opfs-blocks/dist/workers';
const workers = readdirSync(scripts).filter((name) => name.endsWith('.js'));

await build({
  entryPoints: {
    main: 'main.js',
    ...Object.fromEntries(
      workers.map((name) => [name.slice(0, -3), `opfs-blocks/workers/${name}`]),
    ),
  },
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  target: 'es2022',
});
