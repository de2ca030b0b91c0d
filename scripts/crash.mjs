// Bundles the crash tests for Node and runs them: `npm run test:crash -- --scale N`. See src/TESTING.md.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
// Inside node_modules, so that the bundle finds its packages and nobody commits it.
const outDir = `${root}/node_modules/.crash`;
await build({
  root,
  configFile: false,
  logLevel: 'warn',
  build: { ssr: 'src/sim/crash-main.ts', outDir, target: 'node20', sourcemap: true },
});
const { status } = spawnSync(
  process.execPath,
  ['--enable-source-maps', `${outDir}/crash-main.js`, ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exitCode = status ?? 1;
