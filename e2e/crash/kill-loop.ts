/**
 * The kill loop: a browser is started on the crash page, killed with `kill -9` at a random moment, started again on
 * what is left, and so on. One profile and one store live through many kills, because some faults show only after
 * several unfinished commits.
 *
 * The oracle, after each recovery: acknowledged ≤ recovered ≤ submitted by the ledger; the page itself compares the
 * content with the model at exactly that state, checks the store with all its live pointers, and works on.
 */
import { cp, mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../../src/sim/random.ts';
import { removeProfile } from '../browser.ts';
import { startServer, type TestServer } from '../server.ts';
import { type BrowserKind, startBareBrowser } from './bare-browser.ts';
import { CRASH_PAGE_FOLDER, FAILURES_FOLDER } from './build-crash-page.ts';
import { type Ledger, openLedger } from './ledger.ts';
import { addressWith, type KillMoment, type LedgerEntry, type Plan } from './plan.ts';
import type { Segment } from './tree.ts';

export interface KillLoopOptions {
  readonly browser: BrowserKind;
  readonly seed: number;
  readonly kills: number;
  /** After so many kills a fresh profile is taken. */
  readonly killsPerProfile: number;
}

export interface KillTally {
  kills: number;
  /** Kills by what the ledger says that was under way. */
  readonly moments: Record<KillMoment, number>;
  /** Recoveries that were judged. */
  recovered: number;
  /** Transactions that had been acknowledged, and are there. */
  acked: number;
  /** Recoveries that found a state whose acknowledgement was never heard. */
  beyondAcked: number;
  /** Recoveries that gave up a newer superblock. */
  rolledBack: number;
}

const HEARD_WITHIN_MS = 60_000;

/** From which entry on the kill may fall, and within how many milliseconds it does, in Chromium. */
const WINDOWS: Readonly<Record<KillMoment, [LedgerEntry['kind'], number]>> = {
  work: ['recovered', 600],
  creation: ['creating', 60],
  recovery: ['opening', 60],
  compaction: ['compacting', 12],
};

export async function runKillLoop(
  options: KillLoopOptions,
  onProgress: (tally: KillTally) => void = () => {},
): Promise<KillTally> {
  const server = await startServer(CRASH_PAGE_FOLDER);
  const tally: KillTally = {
    kills: 0,
    moments: { work: 0, creation: 0, recovery: 0, compaction: 0 },
    recovered: 0,
    acked: 0,
    beyondAcked: 0,
    rolledBack: 0,
  };
  try {
    while (tally.kills < options.kills) {
      const kills = Math.min(options.killsPerProfile, options.kills - tally.kills);
      const life = await Life.begin(options.browser, server, options.seed + tally.kills, tally);
      // The last start is not killed before it has proved what the last kill left.
      for (let cycle = 0; cycle <= kills; cycle += 1) {
        await life.turn(cycle, cycle === kills ? 'proof' : 'kill');
        onProgress(tally);
      }
      await life.end();
    }
  } finally {
    await server.close();
  }
  return tally;
}

/** One profile, from its first start to its last. */
class Life {
  private readonly browser: BrowserKind;
  private readonly server: TestServer;
  private readonly ledger: Ledger;
  private readonly folder: string;
  private readonly seed: number;
  private readonly random: Random;
  private readonly tally: KillTally;
  private readonly deck: KillMoment[] = [];
  private segments: Segment[] = [];
  /** The state that the last recovery found. */
  private base = 0;
  private acked = 0;
  private submitted = 0;
  private halfCreated: { readonly name: string; acked: boolean } | undefined;

  static async begin(
    browser: BrowserKind,
    server: TestServer,
    seed: number,
    tally: KillTally,
  ): Promise<Life> {
    const folder = await mkdtemp(join(tmpdir(), 'opfs-blocks-kills-'));
    const ledger = await openLedger(join(folder, 'ledger.txt'));
    return new Life(browser, server, ledger, folder, seed, tally);
  }

  private constructor(
    browser: BrowserKind,
    server: TestServer,
    ledger: Ledger,
    folder: string,
    seed: number,
    tally: KillTally,
  ) {
    this.browser = browser;
    this.server = server;
    this.ledger = ledger;
    this.folder = folder;
    this.seed = seed;
    this.random = new Random(seed);
    this.tally = tally;
  }

  /** Starts the browser, kills it, and judges what the ledger heard in between. */
  async turn(cycle: number, purpose: 'kill' | 'proof'): Promise<void> {
    const moment = purpose === 'kill' ? this.pickMoment() : 'work';
    const [trigger, windowMs] = WINDOWS[moment];
    const delayMs = purpose === 'kill' ? this.random.below(windowMs * this.browser.slowness) : 0;
    const plan = this.plan(cycle, moment);
    this.ledger.note(`# cycle ${cycle}, ${moment}, ${delayMs} ms after '${trigger}'`);
    const entries: LedgerEntry[] = [];
    try {
      await this.startAndKill(plan, trigger, delayMs, entries);
      for (const entry of entries) this.judge(entry, cycle);
      if (moment === 'creation') {
        const acked = entries.some(({ kind }) => kind === 'created');
        this.halfCreated = { name: `created-${cycle}`, acked };
      }
    } catch (error) {
      const replay = `${this.browser.name} seed=${this.seed} cycle=${cycle} moment=${moment} delay=${delayMs}ms`;
      const kept = await this.keep(cycle);
      await this.end();
      throw new Error(`kill loop: ${replay}: ${String(error)}; the files are in ${kept}`, {
        cause: error,
      });
    }
    if (purpose === 'proof') return;
    this.tally.kills += 1;
    this.tally.moments[moment] += 1;
  }

  /** Of every ten kills one falls in a creation, one in a recovery, one in a compaction. */
  private pickMoment(): KillMoment {
    if (this.deck.length === 0) {
      const work = new Array<'work'>(7).fill('work');
      this.deck.push('creation', 'recovery', 'compaction', ...work);
    }
    return this.deck.splice(this.random.below(this.deck.length), 1)[0] ?? 'work';
  }

  private plan(cycle: number, moment: KillMoment): Plan {
    return {
      ledgerUrl: this.ledger.url,
      store: 'killed',
      seed: this.seed,
      cycle,
      moment,
      segments: this.segments,
      ...(this.halfCreated === undefined ? {} : { halfCreated: this.halfCreated.name }),
    };
  }

  private async startAndKill(
    plan: Plan,
    trigger: LedgerEntry['kind'],
    delayMs: number,
    entries: LedgerEntry[],
  ): Promise<void> {
    this.server.isolated = plan.cycle % 2 === 0;
    const heard = new Promise<void>((resolve, reject) => {
      this.ledger.onEntry = (entry) => {
        entries.push(entry);
        if (entry.kind === trigger) resolve();
        if (entry.kind === 'failed') reject(new Error(entry.message));
      };
    });
    const url = addressWith(plan, this.server.url);
    const browser = await startBareBrowser(this.browser, join(this.folder, 'profile'), url);
    const deadline = new AbortController();
    try {
      await Promise.race([
        heard,
        pause(HEARD_WITHIN_MS, undefined, { signal: deadline.signal }).then(() => {
          throw new Error(`the page did not come as far as '${trigger}'`);
        }),
      ]);
      await pause(delayMs);
    } finally {
      deadline.abort();
      await browser.kill();
      this.ledger.onEntry = () => {};
    }
  }

  private judge(entry: LedgerEntry, cycle: number): void {
    if (entry.kind === 'failed') throw new Error(entry.message);
    if (entry.kind === 'half-created') {
      const acked = this.halfCreated?.acked ?? false;
      if (acked && entry.created) throw new Error('I6: a store that was created is not there');
      expectNone(entry.problems);
      this.halfCreated = undefined;
    }
    if (entry.kind === 'step') {
      this.acked = entry.acked;
      this.submitted = entry.submitted;
      if (this.segments.at(-1)?.cycle !== cycle) {
        this.segments.push({ first: entry.submitted, cycle });
      }
    }
    if (entry.kind === 'recovered') {
      const { state, rolledBack, problems } = entry;
      if (state < this.acked) throw new Error(`I6: ${this.acked} was acknowledged, not ${state}`);
      if (state > this.submitted) throw new Error(`${state} was never asked for`);
      expectNone(problems);
      this.tally.recovered += 1;
      this.tally.acked += this.acked - this.base;
      if (state > this.acked) this.tally.beyondAcked += 1;
      if (rolledBack > 0) this.tally.rolledBack += 1;
      this.base = state;
      this.acked = state;
      this.submitted = state;
      this.segments = this.segments.filter(({ first }) => first <= state);
    }
  }

  /** Copies what the browser left, for study. */
  private async keep(cycle: number): Promise<string> {
    const kept = join(FAILURES_FOLDER, `kill-${this.browser.name}-${this.seed}-${cycle}`);
    await mkdir(kept, { recursive: true });
    await cp(join(this.folder, 'ledger.txt'), join(kept, 'ledger.txt'));
    const files = this.browser.filesFolder;
    await cp(join(this.folder, 'profile', files), join(kept, files), { recursive: true });
    return kept;
  }

  async end(): Promise<void> {
    await this.ledger.close();
    await removeProfile(this.folder);
  }
}

function expectNone(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(problems.join('; '));
}
