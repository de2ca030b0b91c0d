import { readdirSync } from 'node:fs';
import resolve from '@rollup/plugin-node-resolve';

const scripts = 'node_modules/opfs-blocks/dist/workers';
const workers = readdirSync(scripts).filter((name) => name.endsWith('.js'));

export default {
  input: {
    main: 'main.js',
    ...Object.fromEntries(
      workers.map((name) => [name.slice(0, -3), `opfs-blocks/workers/${name}`]),
    ),
  },
  plugins: [resolve()],
  output: { dir: 'dist', format: 'es' },
};
