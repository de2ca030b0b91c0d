/** Sabotages of checksums, of what disks say, and of space: what is free when, and what the log tells of it. */
import { BYTES, explored, FAILING, lied, type Sabotage, WHOLESALE } from './sabotage.ts';

export const CHECKSUMS: readonly Sabotage[] = [
  {
    name: 'loads-unverified',
    protects: 'I2',
    file: 'src/sync/disk-loop.ts',
    find: "(bytes, this.loads.runPointers[n] as Pointer) ? 'ok' : 'corrupt'",
    replace: "(bytes, this.loads.runPointers[n] as Pointer) ? 'ok' : 'ok'",
    test: {
      file: 'src/store/block-io.test.ts',
      title: ['I2: a read', 'verifies what the disk gives, every time it is loaded'],
    },
  },
  {
    name: 'one-load-of-a-run-unverified',
    protects: 'I2',
    file: 'src/sync/disk-loop.ts',
    find: 'const outcome = fault ?? this.verified(n, bytes);',
    replace: "const outcome = fault ?? (n === 1 ? 'ok' : this.verified(n, bytes));",
    test: {
      file: 'src/sync/disk-loop.test.ts',
      title: ['loads', 'I2: one corrupt block is told apart from its neighbours'],
    },
  },
  {
    name: 'pointer-hash-half-checked',
    protects: 'I2',
    file: 'src/format/hasher.ts',
    find: 'return this.hasher.high === pointer.hashHigh && this.hasher.low === pointer.hashLow;',
    replace: 'return pointer.hashHigh + pointer.hashLow >= 0;',
    test: WHOLESALE,
  },
  {
    name: 'batch-hash-unchecked',
    protects: 'I5',
    file: 'src/format/log-block.ts',
    find: 'if (hasher.high !== hashHigh || hasher.low !== hashLow) {',
    replace: 'if (hasher.high < 0) {',
    test: {
      file: 'src/format/log-block.test.ts',
      title: [
        'a sealed batch',
        'shows every flipped bit of its sectors, padding and block header included',
      ],
    },
  },
  {
    name: 'last-batch-hash-unchecked',
    protects: 'I5',
    file: 'src/arena/log-replay.ts',
    find: 'if (this.hashHigh !== entry.logHashHigh || this.hashLow !== entry.logHashLow) {',
    replace: 'if (this.hashHigh < 0 || this.hashLow < 0) {',
    test: {
      file: 'src/arena/log-replay.test.ts',
      title: [
        'I5: chains that are none',
        'one of another arena, at another place, of another store, or of another length',
      ],
    },
  },
  {
    name: 'sync-between-commits',
    protects: 'I3',
    file: 'src/arena/log-replay.ts',
    find: 'if (commit === -3 && generation > this.source.window.beforePrevious) {',
    replace: 'if (commit === -3 && generation < 0) {',
    test: {
      file: 'src/arena/log-replay.test.ts',
      title: [
        'what replay gives',
        'numbers may be skipped, but not lie between the commits of the line',
      ],
    },
  },
  {
    name: 'batches-unchained',
    protects: 'I5',
    file: 'src/format/hasher.ts',
    find: 'writeHash(this.prefixView, at, batch.previousHigh, batch.previousLow);',
    replace: 'writeHash(this.prefixView, at, 0, 0);',
    test: {
      file: 'src/format/log-block.test.ts',
      title: ['the story of a lost batch: an older batch in its place does not pass for it'],
    },
  },
  {
    name: 'superblock-checksum-unchecked',
    protects: 'a torn superblock is noticed',
    file: 'src/format/superblock.ts',
    find: 'readHashHigh(view, at.checksum) !== hasher.high ||',
    replace: 'readHashHigh(view, at.checksum) < 0 &&',
    test: BYTES,
  },
  {
    name: 'label-checksum-unchecked',
    protects: 'a damaged label is noticed',
    file: 'src/format/label.ts',
    find: 'readHashHigh(view, at.checksum) !== hasher.high ||',
    replace: 'readHashHigh(view, at.checksum) < 0 &&',
    test: BYTES,
  },
];

export const DISKS: readonly Sabotage[] = [
  {
    name: 'short-write-accepted',
    protects: 'I6',
    file: 'src/device/handle-device.ts',
    find: 'if (count === 0) return',
    replace:
      "if (count === 0 && operation === 'write') return undefined;\n        if (count === 0) return",
    test: FAILING,
  },
  {
    name: 'short-read-filled-with-zeroes',
    protects: 'I2',
    file: 'src/device/handle-device.ts',
    find: 'if (count === 0) return',
    replace: `if (count === 0) {
          rest.fill(0);
          return undefined;
        }
        if (count < 0) return`,
    test: {
      file: 'src/device/handle-device.test.ts',
      title: [
        'a transfer is whole or a fault',
        'every short count k in 0…len that no progress follows is a fault, and nothing is zero-filled',
      ],
    },
  },
  {
    name: 'flush-error-ignored',
    protects: 'I12',
    file: 'src/sync/disk-loop.ts',
    find: '    else this.firstFault = fault;\n    return fault;',
    replace: '    return undefined;',
    test: FAILING,
  },
  {
    name: 'write-error-ignored',
    protects: 'I12',
    file: 'src/sync/disk-loop.ts',
    find: '      this.firstFault = fault;\n      return fault;',
    replace: '      return undefined;',
    test: FAILING,
  },
  {
    name: 'poison-ignored',
    protects: 'I12',
    file: 'src/store/engine.ts',
    find: '    if (flaw !== undefined) throw flaw;\n  }',
    replace: '    if (flaw === null) throw flaw;\n  }',
    test: FAILING,
  },
  {
    name: 'failed-disk-goes-on',
    protects: 'I12',
    file: 'src/sync/disk-loop.ts',
    find: 'if (this.firstFault !== undefined) return this.firstFault;\n    const from',
    replace: 'const from',
    test: {
      file: 'src/sync/disk-loop.test.ts',
      title: [
        'I12: the first failed write or flush ends writing',
        'after a failed write nothing is written or flushed; all are told the first fault',
      ],
    },
  },
  {
    name: 'a-published-write-is-skipped',
    protects: 'I8',
    file: 'src/sync/disk-loop.ts',
    find: 'if (request.mayCancel) this.queue',
    replace: 'this.queue',
    test: {
      file: 'src/sync/disk-loop.test.ts',
      title: [
        'I8: what leaves, when, and what is skipped',
        'a write is skipped only if it may be, and is the one that the free names',
      ],
    },
  },
  {
    name: 'a-freed-block-is-not-written',
    protects: 'I8',
    file: 'src/store/engine.ts',
    find: 'if (slot !== NO_SLOT) this.io.cache.markFreed(slot);',
    replace: `if (slot !== NO_SLOT) {
      this.io.cache.markFreed(slot);
      const arena = this.arenas.at(arenaOf(address, this.geometry));
      arena.free.freeRange(blockIndexOf(address, this.geometry), 1);
      arena.states[blockIndexOf(address, this.geometry)] = 0;
    }`,
    test: explored('readers'),
  },
];

export const SPACE: readonly Sabotage[] = [
  {
    name: 'defer-0',
    protects: 'I1',
    file: 'src/epoch/deferred-frees.ts',
    find: 'COMMITS_DEFERRED = 2;',
    replace: 'COMMITS_DEFERRED = 0;',
    test: lied('single-puts'),
  },
  {
    name: 'defer-1',
    protects: 'I1',
    file: 'src/epoch/deferred-frees.ts',
    find: 'COMMITS_DEFERRED = 2;',
    replace: 'COMMITS_DEFERRED = 1;',
    test: lied('single-puts'),
  },
  {
    name: 'freed-blocks-reused-at-once',
    protects: 'I1',
    file: 'src/epoch/deferred-frees.ts',
    find: 'return group.commit !== undefined && group.commit',
    replace: 'return group.commit === undefined || group.commit - 99',
    test: explored('readers'),
  },
  {
    name: 'pending-frees-forgotten-by-recovery',
    protects: 'I1',
    file: 'src/arena/log-replay.ts',
    find: 'if (commit < -1) {',
    replace: 'if (commit < 1) {',
    test: {
      file: 'src/store/transaction.test.ts',
      title: ['readers', 'I1: so it does across a reopening'],
    },
  },
  {
    name: 'reader-pins-ignored',
    protects: 'I4',
    file: 'src/epoch/deferred-frees.ts',
    find: 'if (!isAged(group, durableCommit) || group.stamp > settled) break;',
    replace: 'if (!isAged(group, durableCommit)) break;',
    test: explored('readers'),
  },
  {
    name: 'landed-blocks-reused-without-a-fence',
    protects: 'I8',
    file: 'src/store/engine.ts',
    find: 'if (landed) this.landed.push(address);\n    else this.reuse(address);',
    replace: 'this.reuse(landed ? address : address);',
    test: explored('landed-aborts'),
  },
  {
    name: 'no-reserve',
    protects: 'I9',
    file: 'src/arena/reserve.ts',
    find: '  if (blockCount === 0) return 0;\n  return',
    replace: '  if (blockCount >= 0) return 0;\n  return',
    test: {
      file: 'src/arena/arena.test.ts',
      title: [
        'where blocks come from',
        'I9: nobody but the log gets at the reserve, and what the log has counts for it',
      ],
    },
  },
  {
    name: 'growth-unlogged',
    protects: 'I3',
    file: 'src/arena/arena.ts',
    find: '    units.appendAvailable(this.loggedBlocks, grown);\n',
    replace: '',
    test: explored('roots'),
  },
  {
    name: 'compaction-frees-its-old-chain-at-once',
    protects: 'I5',
    file: 'src/epoch/deferred-frees.ts',
    find: 'this.logs.release(durableCommit, SEEN_BY_NOBODY, visit);',
    replace: 'this.logs.release(durableCommit + 2, SEEN_BY_NOBODY, visit);',
    test: lied('lies-about-compaction'),
  },
  {
    name: 'compaction-drops-the-recent-records',
    protects: 'I3',
    file: 'src/arena/log-compactor.ts',
    find: '  for (const recent of window) appendWithoutAvailable(stream, recent.units);\n',
    replace: '',
    test: explored('compaction-chain'),
  },
  {
    name: 'committed-log-sectors-rewritten',
    protects: 'I5',
    file: 'src/arena/alloc-log.ts',
    find: 'this.tailSector = sector + sectorCount;',
    replace: 'this.tailSector = sector + (sector === 0 ? sectorCount : 0);',
    test: {
      file: 'src/arena/alloc-log.test.ts',
      title: [
        "I5: a log of blocks and sectors of '4096/512'",
        'commits of one record to several blocks: fresh sectors, in order, none written twice',
      ],
    },
  },
  {
    name: 'a-root-may-stay-on-a-freed-block',
    protects: 'a generation whose root is gone cannot be proved',
    file: 'src/store/transaction.ts',
    find: '    this.assertRootsLive();\n',
    replace: '',
    test: {
      file: 'src/store/transaction.test.ts',
      title: [
        'misuse',
        'a root that is left on a freed block is MISUSE; moved or removed with it, it is not',
      ],
    },
  },
  {
    name: 'double-free-allowed',
    protects: 'I4',
    file: 'src/store/transaction.ts',
    find: 'if (this.freed.has(pointer.address)) {',
    replace: 'if (this.freed.size < 0) {',
    test: {
      file: 'src/store/transaction.test.ts',
      title: ['misuse', 'a double free is NOT_FOUND: in one transaction, and in a later one'],
    },
  },
  {
    name: 'stale-free-accepted',
    protects: 'a free takes only the pointer’s own block',
    file: 'src/store/engine.ts',
    find: '    this.arenaFor(pointer);\n    if (!this.isPublished',
    replace: '    if (this.arenaFor(pointer) !== undefined) return;\n    if (!this.isPublished',
    test: {
      file: 'src/store/transaction.test.ts',
      title: [
        'pointers that are not what they should be',
        'stale, with a new block at its address that is still queued: it cannot free that one',
      ],
    },
  },
  {
    name: 'unpublished-block-named',
    protects: 'I3: what no ended transaction has published is not freed, and is no root',
    file: 'src/arena/arena.ts',
    find: '(STATE_MASK | UNPUBLISHED)',
    replace: 'STATE_MASK',
    test: {
      file: 'src/store/grants.test.ts',
      title: [
        'I3: a pointer to what was at a granted address before, and still is there',
        'is NOT_FOUND when freed a second time, and the log stays readable',
      ],
    },
  },
  {
    name: 'dirty-blocks-evicted',
    protects: 'I10',
    file: 'src/cache/cache.ts',
    find: '    this.dirtyCount += 1;\n    this.enter(slot);',
    replace: '    this.dirtyCount += 1;\n    this.enter(slot);\n    this.lru.addHead(slot);',
    test: {
      file: 'src/cache/cache.test.ts',
      title: [
        'I10: what is dirty, loading, owned or held is not evicted',
        'with all slots dirty pluck gives nothing, and gives again once a write has landed',
      ],
    },
  },
];
