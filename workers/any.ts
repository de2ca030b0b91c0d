/**
 * All workers in one script, for bundlers and content policies that want one: the page's first message says what it is
 * to be. Imported at once, for browsers do not keep messages for who is still loading its parts. Wiring only.
 */
import { serveStore } from '../src/client/serve-store.ts';

serveStore();
