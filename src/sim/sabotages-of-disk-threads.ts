/** Sabotages of what passes between threads: order, hand-over, and that nobody waits for ever. */
import type { GuardingTest, Sabotage } from './sabotage.ts';

const SERVER = 'src/sync/disk-server.ts';
const LINK = 'src/sync/disk-link.ts';

const port = (title: string): GuardingTest => ({
  file: 'src/sync/disk-port.test.ts',
  title: ['a disk port (ring)', title],
});
const server = (...title: readonly string[]): GuardingTest => ({
  file: 'src/sync/disk-server.test.ts',
  title,
});
const FULL_RING = server(
  'what clients miss',
  'never waits for the store: a full completion ring holds nobody up',
);

const woken = (title: string) => server('the store’s thread is woken', title);

export const DISK_THREADS: readonly Sabotage[] = [
  {
    name: 'free-overtakes-write',
    protects: 'I8',
    file: SERVER,
    find: ': loop.pushFree({ fileOffset, cookie, mayCancel: detail !== 0 });',
    replace: ": (this.completions.push(COMPLETION.freed, cookie, 'ok'), true);",
    test: port('I8: a block freed while its write is kept back is never written'),
  },
  {
    name: 'fence-before-flush',
    protects: 'I6',
    file: SERVER,
    find: 'return this.queue().pushFence(cookieAt(words, at));',
    replace:
      "this.completions.push(COMPLETION.fenced, cookieAt(words, at), 'ok');\n        return true;",
    test: port('I6: a fence is answered after a flush of everything before it'),
  },
  {
    name: 'completion-before-its-cell',
    protects: 'completions are whole',
    file: SERVER,
    find: `      putCompletion(words, at, kind, outcome);
      putValue(words, at, cookie);
      if (typeof outcome === 'object') putFault(words, at, this.numberOf(outcome), outcome);
      answers.publish();`,
    replace: `      answers.publish();
      putCompletion(words, at, kind, outcome);
      putValue(words, at, cookie);
      if (typeof outcome === 'object') putFault(words, at, this.numberOf(outcome), outcome);`,
    test: {
      file: 'src/sync/disk-server.fuzz.test.ts',
      title: [
        'I6, I8: whoever is interrupted wherever, the other sees whole requests and completions in order',
      ],
    },
  },
  {
    name: 'drain-forgotten',
    protects: 'the engine gets its slots',
    file: SERVER,
    find: 'this.drainLeft = this.queue().queuedInOrder;\n',
    replace: '\n',
    test: port('wait writes what was kept back: it is how the engine gets a slot'),
  },
  {
    name: 'slot-readable-before-its-bytes',
    protects: 'I2',
    file: SERVER,
    find: `    this.memory.bytes.copyWithin(slot * blockBytes, landing, landing + blockBytes);
    headers.setKey(slot, pointer);
    headers.become(slot, SLOT_STATUS.clean);`,
    replace: `    headers.setKey(slot, pointer);
    headers.become(slot, SLOT_STATUS.clean);
    this.memory.bytes.copyWithin(slot * blockBytes, landing, landing + blockBytes);`,
    test: server(
      'what clients miss',
      'I2: a lent slot can be read only after the bytes and the key are in it',
    ),
  },
  {
    name: 'corrupt-miss-cached',
    protects: 'I2',
    file: SERVER,
    find: "if (outcome === 'ok') this.fill(",
    replace: 'if (cell >= 0) this.fill(',
    test: server(
      'what clients miss',
      'I2: what is not the pointer’s block is corrupt, and not cached',
    ),
  },
  {
    name: 'stop-ignored',
    protects: 'I12',
    file: SERVER,
    find: 'if (this.page.stopAsked) this.parts?.loop.stop(this.told);',
    replace: '',
    test: server(
      'stopping',
      'I12: a disk that is stopped writes and flushes no more, not even what it was given before',
    ),
  },
  {
    name: 'full-ring-emptied-silently',
    protects: 'no wake-up is lost',
    file: LINK,
    find: 'if (count >= COMPLETION_CELLS) this.ring();',
    replace: '',
    test: FULL_RING,
  },
  {
    name: 'waiting-unsaid',
    protects: 'no wake-up is lost',
    file: LINK,
    find: 'atomicStore(words, control.storeWaits, 1);',
    replace: '',
    test: woken('for a write that has landed, while it waits for anything at all'),
  },
  {
    name: 'failed-write-untold',
    protects: 'I12',
    file: SERVER,
    find: "if (typeof outcome === 'object') this.answersUntold = true;\n    else if",
    replace: 'if',
    test: woken('I12: for a write that has failed'),
  },
  {
    name: 'last-loads-untold',
    protects: 'no wake-up is lost',
    file: SERVER,
    find: 'this.loadsUntold > 0 && this.storeLoads === 0',
    replace: 'this.loadsUntold > this.storeLoads + ANSWERS_TOGETHER',
    test: woken('for what it loads, several together, and for the last'),
  },
  {
    name: 'room-untold',
    protects: 'no wake-up is lost',
    file: SERVER,
    find: 'this.roomUntold = this.requests.release() || this.roomUntold;',
    replace: 'this.requests.release();',
    test: woken('for room in a full ring of requests, and in no other'),
  },
  {
    name: 'full-completions-untold',
    protects: 'no wake-up is lost',
    file: SERVER,
    find: `        this.answersUntold = true;
        break;`,
    replace: '        break;',
    test: woken('for a full ring of completions, which it alone can empty'),
  },
  {
    name: 'brought-meanwhile-loaded-again',
    protects: 'I2',
    file: 'src/store/block-io.ts',
    find: 'const meanwhile = this.findHereOrComing(pointer);',
    replace: 'const meanwhile: SlotIndex | typeof NO_SLOT = NO_SLOT;',
    test: {
      file: 'src/store/ring-disks.test.ts',
      title: [
        'I2: a block that a client’s miss brings in while its own load waits for a slot is not loaded twice',
      ],
    },
  },
  {
    name: 'bug-dooms-nothing',
    protects: 'all or nothing',
    file: 'src/store/transaction.ts',
    find: 'this.doom = error;',
    replace: 'if (error instanceof StoreError) this.doom = error;',
    test: {
      file: 'src/store/transaction.test.ts',
      title: [
        'pointers that are not what they should be',
        'a bug of ours inside free dooms its transaction: nothing of it is saved in part',
      ],
    },
  },
  {
    name: 'late-completions-taken',
    protects: 'I14',
    file: LINK,
    find: 'if (this.lost !== undefined) return 0;',
    replace: '',
    test: server(
      'stopping',
      'I14: when the session ends everything on its way is gone, and what comes later too',
    ),
  },
  {
    name: 'adopted-over-a-dirty-block',
    protects: 'I10',
    file: 'src/cache/cache.ts',
    find: 'const isNew = this.findAddress(address) === NO_SLOT;',
    replace: 'const isNew = this.forget(address) || true;',
    test: {
      file: 'src/cache/cache.test.ts',
      title: [
        'lent slots: filled by another thread, then adopted',
        'what the address has already stays, and the slot is empty (dirty and newer)',
      ],
    },
  },
];
