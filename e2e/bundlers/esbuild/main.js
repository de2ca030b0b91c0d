import { run } from './app.js';
import { worker } from './workers.js';

await run({ worker });
