/** The one worker of the `inline` profile: the engine on the store's files, without shared memory. Wiring only. */
import { serveStore } from '../src/client/serve-store.ts';

serveStore();
