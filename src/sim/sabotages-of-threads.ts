/** Sabotages of what threads share: rings, mailboxes, bells, seqlock, slots, epochs. Caught by enumerated schedules. */
import type { GuardingTest, Sabotage } from './sabotage.ts';

const RING: GuardingTest = {
  file: 'src/shared/ring.fuzz.test.ts',
  title: ['a ring of 2 cells gives 6 values in order, each whole, in all schedules'],
};

const BELL: GuardingTest = {
  file: 'src/shared/doorbell.fuzz.test.ts',
  title: ['a thread that sleeps is woken by two that ring twice'],
};

const MAILBOX: GuardingTest = {
  file: 'src/shared/mailbox.fuzz.test.ts',
  title: ['2 cells: every request is served once and has its own answer'],
};

const SUCCESSOR: GuardingTest = {
  file: 'src/shared/mailbox.fuzz.test.ts',
  title: ['of 1 cells none is lost when a client dies, and its successor has its own answers'],
};

const SLOTS: GuardingTest = {
  file: 'src/cache/cache-reader.fuzz.test.ts',
  title: ['I2: a slot is evicted and reused while a reader copies: its own block or none'],
};

const TWIN: GuardingTest = {
  file: 'src/shared/twin.fuzz.test.ts',
  title: ['two readers: what is read was written at once'],
};

const EPOCHS = (who: string): GuardingTest => ({
  file: 'src/epoch/epochs.fuzz.test.ts',
  title: [`I4: ${who} never sees a block reused`],
});

const QUEUES: readonly Sabotage[] = [
  {
    name: 'ring-publishes-before-the-cell-is-filled',
    protects: 'a cell is read whole',
    file: 'src/shared/ring.ts',
    find: '    return this.cellAt(this.tail);',
    replace:
      '    atomicStore(this.words, this.tailAt, (this.tail + 1) | 0);\n    return this.cellAt(this.tail);',
    test: RING,
  },
  {
    name: 'ring-releases-before-the-cell-is-read',
    protects: 'a cell stays until it was read',
    file: 'src/shared/ring.ts',
    find: '    return this.cellAt(this.head);',
    replace:
      '    atomicStore(this.words, this.headAt, (this.head + 1) | 0);\n    return this.cellAt(this.head);',
    test: RING,
  },
  {
    name: 'ring-never-full',
    protects: 'a full ring pushes back',
    file: 'src/shared/ring.ts',
    find: '=== this.cellCount) return -1;',
    replace: '=== this.cellCount + 1) return -1;',
    test: RING,
  },
  {
    name: 'mailbox-bits-taken-by-load-and-store',
    protects: 'no request is lost between two steps',
    file: 'src/shared/mailbox.ts',
    find: 'let bits = atomicExchange(this.words, at, 0);',
    replace: 'let bits = atomicLoad(this.words, at);\n      atomicStore(this.words, at, 0);',
    test: MAILBOX,
  },
  {
    name: 'mailbox-posts-without-a-state',
    protects: 'the bit is seen after the state',
    file: 'src/shared/mailbox.ts',
    find: '    atomicStore(this.words, this.stateAt(cell), CELL_STATE.posted);\n    this.hint(cell);',
    replace:
      '    this.hint(cell);\n    atomicStore(this.words, this.stateAt(cell), CELL_STATE.posted);',
    test: MAILBOX,
  },
  {
    name: 'mailbox-answered-before-the-answer-is-written',
    protects: 'I2',
    file: 'src/shared/mailbox.ts',
    find: 'this.stateAt(cell), CELL_STATE.taken);',
    replace: 'this.stateAt(cell), CELL_STATE.answered);',
    test: MAILBOX,
  },
  {
    name: 'mailbox-successor-sets-no-bits',
    protects: 'no cell is lost with its client',
    file: 'src/shared/mailbox.ts',
    find: '      if (state === CELL_STATE.posted) this.hint(cell);\n',
    replace: '',
    test: SUCCESSOR,
  },
  {
    name: 'mailbox-served-twice',
    protects: 'no request is served twice',
    file: 'src/shared/mailbox.ts',
    find: '        if (this.state(cell) !== CELL_STATE.posted) continue;\n',
    replace: '',
    test: SUCCESSOR,
  },
];

const WAKING: readonly Sabotage[] = [
  {
    name: 'doorbell-read-after-the-look-for-work',
    protects: 'no wake-up is lost',
    file: 'src/shared/doorbell.ts',
    find: 'atomicWait(this.words, this.at, seen, timeoutMs);',
    replace: 'atomicWait(this.words, this.at, seen - seen + this.value, timeoutMs);',
    test: BELL,
  },
  {
    name: 'doorbell-notifies-before-it-counts',
    protects: 'no wake-up is lost',
    file: 'src/shared/doorbell.ts',
    find: '    atomicAdd(this.words, this.at, 1);\n    atomicNotify(this.words, this.at);',
    replace: '    atomicNotify(this.words, this.at);\n    atomicAdd(this.words, this.at, 1);',
    test: BELL,
  },
];

const READING: readonly Sabotage[] = [
  {
    name: 'seqlock-not-checked-again',
    protects: 'nobody sees half of what is published',
    file: 'src/shared/seqlock.ts',
    find: 'if (atomicAdd(words, at, 0) === before) return value;',
    replace: 'if (before >= 0 || before < 0) return value;',
    test: {
      file: 'src/shared/seqlock.fuzz.test.ts',
      title: ['two readers: what is read was written at once'],
    },
  },
  {
    name: 'twin-not-checked-again',
    protects: 'nobody sees half of what is published',
    file: 'src/shared/twin.ts',
    find: 'if (atomicAdd(words, at, 0) === version) return value;',
    replace: 'if (version >= 0 || version < 0) return value;',
    test: TWIN,
  },
  {
    name: 'twin-counts-before-the-copy-is-written',
    protects: 'nobody sees half of what is published',
    file: 'src/shared/twin.ts',
    find: '    prepare((version & 1) as Half);\n    atomicStore(this.words, this.at, version);',
    replace: '    atomicStore(this.words, this.at, version);\n    prepare((version & 1) as Half);',
    test: TWIN,
  },
  {
    name: 'slot-version-not-checked-again',
    protects: 'I2',
    file: 'src/cache/cache-reader.ts',
    find: 'return versionOf(atomicAdd(control, header + SLOT_STATE, 0)) === versionOf(state);',
    replace: 'return versionOf(atomicAdd(control, header + SLOT_STATE, 0)) >= 0;',
    test: SLOTS,
  },
  {
    name: 'slot-state-read-and-stored-back',
    protects: 'I2: a reader’s read-modify-write is one step, and leaves the state as it is',
    file: 'src/cache/cache-reader.ts',
    find: 'atomicAdd(control, header + SLOT_STATE, 0)',
    replace:
      'atomicAdd(control, header + SLOT_STATE, state - atomicLoad(control, header + SLOT_STATE))',
    test: SLOTS,
  },
  {
    name: 'slot-version-noted-after-the-key',
    protects: 'I2: a key compared before the version was noted may be gone by then',
    file: 'src/cache/cache-reader.ts',
    find: `        if (!isReadable(state) || !this.keyIs(header, pointer)) return false;
        const offset`,
    replace: `        if (!this.keyIs(header, pointer)) return false;
        const late = atomicLoad(control, header + SLOT_STATE);
        if (isReadable(late)) {
          const start = (entry - 1) * layout.blockBytes;
          copyBytes(this.bytes.subarray(start, start + layout.blockBytes), into);
          return atomicLoad(control, header + SLOT_STATE) === late;
        }
        const offset`,
    test: SLOTS,
  },
  {
    name: 'epochs-advance-past-readers',
    protects: 'I4',
    file: 'src/epoch/epochs.ts',
    find: 'if (word !== 0 && word !== pinOf(globalWord)) return false;',
    replace: 'if (word < 0) return false;',
    test: EPOCHS('a reader'),
  },
  {
    name: 'epoch-entered-without-a-second-look',
    protects: 'I4: what is pinned is one of the two newest epochs',
    file: 'src/epoch/epochs.ts',
    find: '      if (atomicLoad(this.words, this.globalAt) !== globalWord) continue;\n',
    replace: '',
    test: EPOCHS('a reader'),
  },
  {
    name: 'epochs-deferred-by-one',
    protects: 'I4',
    file: 'src/epoch/epochs.ts',
    find: 'export const EPOCHS_DEFERRED = 2;',
    replace: 'export const EPOCHS_DEFERRED = 1;',
    test: EPOCHS('a reader'),
  },
  {
    name: 'epoch-left-with-the-oldest-reader',
    protects: 'I4: readers of one thread overlap',
    file: 'src/epoch/epochs.ts',
    find: '    this.oldest = this.newest;\n',
    replace: '    this.oldest = 0;\n',
    test: EPOCHS('a reader whose pins overlap'),
  },
];

export const THREADS: readonly Sabotage[] = [...QUEUES, ...WAKING, ...READING];
