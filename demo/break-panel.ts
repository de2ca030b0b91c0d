/**
 * Break it: five ways to be unkind to the store. Each one really happens (a worker is terminated, a byte on the disk is
 * changed), and what is told afterwards is what recovery and check report.
 */
import type { Store } from '../src/index.ts';
import type { BlockMaker } from './block-field.ts';
import { byId } from './dom.ts';
import { Flips } from './flips.ts';
import { checkSession, type Session, type StoreHost } from './host.ts';
import type { Outcome } from './outcome.ts';
import { codeOf, countOf, countText, errorText, timeText } from './text.ts';
import type { WorkerWatch } from './worker-watch.ts';

/** A commit of this many blocks takes long enough to be hit. */
const BIG_COMMIT_BLOCKS = 512;
/** Opening verifies the blocks of the last three commits, and would go back to before them. */
const COMMITS_UNTIL_OLD = 4;
const NOTICED_MS = 20_000;
const RELOADED = 'opfs-blocks demo: reloaded on purpose';
const SECOND_TAB = 'opfs-blocks demo: second tab';
const FLIPPED_BYTE = 100;
const INVITATION = 'Break something, and what happens is told here, step by step.';

export interface SecondTabNews {
  readonly store: string;
  readonly code: string;
  readonly ms: number;
}

export interface BreakParts {
  readonly host: StoreHost;
  readonly watch: WorkerWatch;
  readonly outcome: Outcome;
  /** Shows where a block is. */
  readonly onDamage: (address: number) => void;
}

export class BreakPanel {
  readonly #host: StoreHost;
  readonly #watch: WorkerWatch;
  readonly #outcome: Outcome;
  readonly #onDamage: (address: number) => void;
  readonly #flips: Flips;
  readonly #flipBack = byId('flip-back', HTMLButtonElement);
  #busy = false;

  constructor({ host, watch, outcome, onDamage }: BreakParts) {
    this.#host = host;
    this.#watch = watch;
    this.#outcome = outcome;
    this.#onDamage = onDamage;
    this.#flips = new Flips(host.name);
    this.#connect('break-kill', () => this.#kill());
    this.#connect('break-flip', () => this.#flip());
    this.#connect('break-fill', () => this.#fill());
    this.#connect('break-tab', async () => this.#openSecondTab());
    this.#connect('break-reload', () => this.#reload());
    this.#connect('flip-back', () => this.#flipAllBack());
    const channel = new BroadcastChannel(SECOND_TAB);
    channel.addEventListener('message', ({ data }: MessageEvent<SecondTabNews>) => {
      if (data.store === host.name) this.#hearSecondTab(data);
    });
  }

  /** The store is being broken by this panel, so that it ends is no accident. */
  get busy(): boolean {
    return this.#busy;
  }

  /** After the first opening: what it found, and whether it follows a reload on purpose. */
  async tellFirst(session: Session): Promise<void> {
    const outcome = this.#outcome;
    const flips = this.#flips.all;
    for (const { address } of flips) session.field.avoided.add(address);
    this.#flipBack.hidden = flips.length === 0;
    const before = sessionStorage.getItem(RELOADED);
    sessionStorage.removeItem(RELOADED);
    outcome.begin(before === null ? 'What opening found' : 'Reloaded in the middle of a commit');
    outcome.showRecovery(session.store.recovery);
    if (session.flaw !== undefined) outcome.tell(session.flaw, 'bad');
    outcome.end('calm');
    if (before === null) {
      outcome.tell(INVITATION);
      return;
    }
    this.#tellWhole(Number(before), session.field.blockCount);
    await this.#check(session);
  }

  #connect(id: string, work: () => Promise<void>): void {
    byId(id, HTMLButtonElement).addEventListener('click', async () => {
      if (this.#busy) return;
      this.#busy = true;
      try {
        await work();
      } catch (error) {
        this.#outcome.tell(errorText(error), 'bad');
        this.#outcome.end('bad');
      } finally {
        this.#busy = false;
      }
    });
  }

  async #kill(): Promise<void> {
    const outcome = this.#outcome;
    const { field, workloads, store } = this.#host.open;
    outcome.begin('A worker was killed in the middle of a commit');
    // What else is written would blur the count of what is there afterwards.
    await workloads.stopAll();
    let killed: string | undefined;
    const { error, before } = await this.#breakCommit(field, () => {
      killed = this.#watch.killOne();
    });
    outcome.tell(
      `The commit of ${countOf(BIG_COMMIT_BLOCKS, 'block')} was under way when “${killed}” ended.`,
    );
    outcome.tell(
      error === undefined
        ? 'It was acknowledged all the same, so its blocks must be there.'
        : `The promise was rejected: ${codeOf(error) ?? errorText(error)}, it may have been applied.`,
    );
    await untilClosed(store);
    const session = await this.#reopen();
    this.#tellWhole(before, session.field.blockCount);
    await this.#check(session);
  }

  /** Starts a big commit and calls `strike` when it is under way. Returns how the commit ended. */
  async #breakCommit(field: Session['field'], strike: () => void) {
    const struck = { before: field.blockCount, hit: false };
    const onEnding = (): void => {
      struck.before = field.blockCount - BIG_COMMIT_BLOCKS;
      struck.hit = true;
      setTimeout(strike);
    };
    const { turns, store } = this.#host.open;
    const make = plainBlocks(store.blockSize);
    const error = await turns
      .change(() => field.append(BIG_COMMIT_BLOCKS, make, { onEnding }))
      .then(
        () => undefined,
        (failure: unknown) => failure,
      );
    // A full store has refused: then there is no commit to be hit, and it is hit at rest.
    if (!struck.hit) strike();
    return { error, before: struck.before };
  }

  /** All or nothing: the blocks of the commit that was hit are all there, or none is. */
  #tellWhole(before: number, now: number): void {
    const difference = now - before;
    if (difference === 0)
      this.#outcome.tell('None of its blocks is there: it has never happened.', 'good');
    else if (difference === BIG_COMMIT_BLOCKS) {
      this.#outcome.tell('All of its blocks are there: it was durable already.', 'good');
    } else this.#outcome.tell(`${countText(difference)} of its blocks are there.`, 'bad');
  }

  async #reopen(): Promise<Session> {
    const session = await this.#host.start();
    this.#outcome.showRecovery(session.store.recovery);
    if (session.flaw !== undefined) this.#outcome.tell(session.flaw, 'bad');
    return session;
  }

  async #check(session: Session): Promise<readonly number[]> {
    const startMs = performance.now();
    const report = await checkSession(session);
    this.#outcome.showCheck(report, performance.now() - startMs);
    const addresses = report.problems.flatMap(({ address }) =>
      address === undefined ? [] : address,
    );
    const [first] = addresses;
    if (first !== undefined) this.#onDamage(first);
    return addresses;
  }

  async #flip(): Promise<void> {
    const outcome = this.#outcome;
    const { field, store, workloads } = this.#host.open;
    outcome.begin('A byte was flipped on the disk');
    await workloads.stopAll();
    const make = plainBlocks(store.blockSize);
    if (field.blockCount === 0) await field.append(64, make);
    const [victim] = field.sample(1);
    for (let n = 0; n < COMMITS_UNTIL_OLD; n += 1) await field.append(1, make);
    if (victim === undefined) throw new Error('Every block is damaged already.');
    const place = { address: victim.address, byte: FLIPPED_BYTE };
    await this.#host.close();
    const where = await this.#flips.flip(place);
    outcome.tell(
      `Inverted ${where}: byte ${FLIPPED_BYTE} of the block at ${countText(place.address)}.`,
    );
    this.#flipBack.hidden = false;
    const session = await this.#reopen();
    session.field.avoided.add(place.address);
    const read = await session.store.read(victim).then(
      () => 'The block was read all the same.',
      (error: unknown) => `Reading it is answered with ${codeOf(error)}, not with wrong bytes.`,
    );
    outcome.tell(read);
    const named = await this.#check(session);
    outcome.tell(
      named.includes(place.address)
        ? 'The block is named, and ringed in the map; everything else can be used.'
        : 'The check does not name the block.',
      named.includes(place.address) ? 'good' : 'bad',
    );
  }

  async #flipAllBack(): Promise<void> {
    this.#outcome.begin('The byte was flipped back');
    await this.#host.close();
    for (const place of this.#flips.all) {
      this.#outcome.tell(`Inverted ${await this.#flips.flip(place)} again.`);
    }
    this.#flipBack.hidden = true;
    await this.#check(await this.#reopen());
  }

  async #fill(): Promise<void> {
    const outcome = this.#outcome;
    const { field, workloads, turns, store } = this.#host.open;
    outcome.begin('The store was filled to the brim');
    await workloads.stopAll();
    const make = plainBlocks(store.blockSize);
    const startMs = performance.now();
    const refusal = await fillUp(this.#host.open, make);
    const ms = performance.now() - startMs;
    outcome.tell(
      `After ${timeText(ms)}, with ${countOf(field.blockCount, 'block')} in: ${errorText(refusal)}`,
    );
    let freed = 0;
    for (let n = 0; n < COMMITS_UNTIL_OLD; n += 1) {
      freed += await turns.change(() => field.delete(BIG_COMMIT_BLOCKS));
    }
    outcome.tell(
      `Freed ${countOf(freed, 'block')} and committed: a full store can still do that.`,
      'good',
    );
    // A store that may not grow has room for a few hundred blocks only, and for their index besides.
    const again = Math.max(1, Math.min(BIG_COMMIT_BLOCKS, Math.floor(freed / 2)));
    const written = await turns.change(() => field.append(again, make));
    outcome.tell(`Wrote ${countOf(written, 'block')} into the space that came back.`, 'good');
    await this.#check(this.#host.open);
  }

  #openSecondTab(): void {
    const address = new URL(location.href);
    address.searchParams.set('wait', '1500');
    this.#outcome.begin('A second tab wants the same store');
    const tab = window.open(address.href, '_blank');
    if (tab === null) this.#outcome.tell('The browser has blocked the new tab.', 'bad');
    else this.#outcome.tell('Opened. It waits a moment and a half for the lock.');
  }

  #hearSecondTab({ code, ms }: SecondTabNews): void {
    this.#outcome.tell(
      `The second tab was told ${code} after ${timeText(ms)}. This one goes on.`,
      'good',
    );
    this.#outcome.end('good');
  }

  async #reload(): Promise<void> {
    this.#outcome.begin('Reloading in the middle of a commit');
    const { field, workloads } = this.#host.open;
    await workloads.stopAll();
    await this.#breakCommit(field, () => {
      sessionStorage.setItem(RELOADED, String(field.blockCount - BIG_COMMIT_BLOCKS));
      location.reload();
    });
  }
}

/** The death of a worker is noticed by the lock that it held; that takes some milliseconds. */
async function untilClosed(store: Store): Promise<void> {
  for (let waitedMs = 0; store.health !== 'closed' && waitedMs < NOTICED_MS; waitedMs += 20) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Tells the tab that has the store that this one was refused. */
export function tellFirstTab(news: SecondTabNews): void {
  new BroadcastChannel(SECOND_TAB).postMessage(news);
}

/** Writes until the store refuses, ever smaller pieces, and returns the last refusal. */
async function fillUp({ field, turns }: Session, make: BlockMaker): Promise<unknown> {
  let refusal: unknown;
  for (let blocks = BIG_COMMIT_BLOCKS; blocks >= 1; ) {
    try {
      const written = await turns.change(() => field.append(blocks, make));
      if (written === 0) return new Error('The demo’s tree has no more places.');
    } catch (error) {
      if (codeOf(error) !== 'FULL' && codeOf(error) !== 'QUOTA') throw error;
      refusal = error;
      blocks = Math.floor(blocks / 4);
    }
  }
  return refusal;
}

function plainBlocks(blockSize: number): BlockMaker {
  let made = 0;
  return (count) =>
    Array.from({ length: count }, () => {
      made += 1;
      return new Uint8Array(blockSize).fill(made);
    });
}
