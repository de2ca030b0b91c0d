/** Sabotages of committing and of opening: fences, acknowledgements, superblocks, recovery. */
import {
  BYTES,
  EXPLORED_TWICE,
  explored,
  type GuardingTest,
  LIED_TWICE,
  lied,
  type Sabotage,
} from './sabotage.ts';

const committing = (...title: string[]): GuardingTest => ({
  file: 'src/store/commit.test.ts',
  title,
});
const opening = (...title: string[]): GuardingTest => ({
  file: 'src/store/recover.test.ts',
  title,
});
const STATES = 'the state machine, joint';

export const COMMIT: readonly Sabotage[] = [
  {
    name: 'no-fence-before-the-superblock',
    protects: 'I6',
    file: 'src/store/commit.ts',
    find: '    if (this.joint) this.queueSuperblock();\n    this.askFences();',
    replace: '    if (this.joint) this.queueSuperblock();\n    if (this.joint) this.askFences();',
    // Not by crash states: recovery verifies everything that is recent, so data and superblock may be flushed together
    // as long as there is not more of it than recovery reads. The order of the calls shows it.
    test: committing(
      'a fenced commit',
      'I6: queues its superblock only after every touched disk has flushed, and flushes that too',
    ),
  },
  {
    name: 'no-flush-of-the-superblock',
    protects: 'I6',
    file: 'src/store/commit.ts',
    find: '    this.queueSuperblock();\n    this.askFences();\n  }\n\n  /** Into a slot',
    replace: '    this.queueSuperblock();\n  }\n\n  /** Into a slot',
    test: explored('roots-fenced'),
  },
  {
    name: 'acknowledge-early',
    protects: 'I6',
    file: 'src/store/commit.ts',
    find: '    this.queueSuperblock();\n    this.askFences();\n  }\n\n  /** Into a slot',
    replace:
      '    this.queueSuperblock();\n    this.askFences();\n    this.complete();\n  }\n\n  /** Into a slot',
    test: explored('roots-fenced'),
  },
  {
    name: 'fences-that-do-not-flush',
    protects: 'I6',
    file: 'src/sync/disk-loop.ts',
    find: 'this.flush() ?? ',
    replace: '',
    test: explored('roots'),
  },
  {
    name: 'flushes-spared-that-are-needed',
    protects: 'I6',
    file: 'src/sync/disk-loop.ts',
    find: '    this.unflushed = true;\n    this.counts.writes += 1;',
    replace: '    this.counts.writes += 1;',
    test: explored('roots'),
  },
  {
    name: 'liveness-ignored',
    protects: 'an evicted store acknowledges nothing',
    file: 'src/store/commit.ts',
    find: "if (answer === 'gone') {",
    replace: "if (answer === 'never') {",
    test: committing(
      'a commit, fenced',
      'ends when the files are gone: nothing is acknowledged, nothing more is written',
    ),
  },
  {
    name: 'sync-strict-is-relaxed',
    protects: 'I6',
    file: 'src/store/sync-session.ts',
    find: "if (durability === 'strict') this.saveNow(this.engine.openGeneration);",
    replace: "if (durability === 'strict') this.saveSoon();",
    test: {
      file: 'src/store/sync-session.test.ts',
      title: ['inline', 'I6: strict returns when it is durable, relaxed when it is visible'],
    },
  },
  {
    name: 'sync-answer-never-old',
    protects: 'I6',
    file: 'src/store/sync-liveness.ts',
    find: 'performance.now() - this.answerMs > ANSWER_AGE_MS_MAX',
    replace: 'performance.now() - this.answerMs > 1e12',
    test: {
      file: 'src/store/sync-session.test.ts',
      title: [
        'the files go away',
        'I6: a commit whose newest answer is old looks for itself, and acknowledges nothing',
      ],
    },
  },
];

export const JOINT_COMMIT: readonly Sabotage[] = [
  {
    name: 'joint-acknowledged-before-its-flush',
    protects: 'I6',
    file: 'src/store/commit.ts',
    find: "if (this.phase === 'fencing' && this.fencesLeft === 0) this.phase",
    replace: "if (this.phase === 'fencing' && (this.joint || this.fencesLeft === 0)) this.phase",
    test: committing(
      STATES,
      'I6: asks for one flush, behind the superblock, and acknowledges when every disk has answered',
    ),
  },
  {
    name: 'joint-acknowledged-when-it-is-queued',
    protects: 'I6',
    file: 'src/store/commit.ts',
    find: '    if (this.joint) this.queueSuperblock();\n    this.askFences();',
    replace:
      '    if (this.joint) this.queueSuperblock();\n    this.askFences();\n    if (this.joint) this.complete();',
    test: explored('roots'),
  },
  {
    name: 'joint-superblock-behind-the-fence',
    protects: 'I6',
    file: 'src/store/commit.ts',
    find: '    if (this.joint) this.queueSuperblock();\n    this.askFences();',
    replace: '    this.askFences();\n    if (this.joint) this.queueSuperblock();',
    test: explored('roots'),
  },
  {
    name: 'joint-probe-not-awaited',
    protects: 'I6',
    file: 'src/store/commit.ts',
    find: "if (answer === 'pending') return;",
    replace: "if (answer === 'pending' && !this.joint) return;",
    test: committing(
      STATES,
      'I6: waits for the answer that the files are there before it acknowledges',
    ),
  },
  {
    name: 'joint-slot-recoverable-before-it-is-durable',
    protects: 'I1',
    file: 'src/store/commit.ts',
    find: '    ring.begin(this.slot);',
    replace: '    ring.complete(this.slot, this.frozen?.generation ?? 0);',
    test: explored('roots'),
  },
  {
    name: 'frees-come-of-age-before-the-commit-is-durable',
    protects: 'I1',
    file: 'src/store/engine.ts',
    find: 'deferred.release(this.committer.commitCount, settled,',
    replace: 'deferred.release(this.committer.commitCount + (this.committing ? 1 : 0), settled,',
    test: lied('lies-overtaken'),
  },
  {
    name: 'joint-without-a-mark',
    protects: 'I1',
    file: 'src/store/commit.ts',
    find: 'joint: this.joint,',
    replace: 'joint: false,',
    test: committing(
      'a joint commit',
      'I6: writes data, logs and superblock, then flushes every touched disk once',
    ),
  },
  {
    name: 'joint-whatever-its-size',
    protects: 'opening reads little before it believes a joint generation',
    file: 'src/store/commit.ts',
    find: '+ logBytes <= jointBytesMax;',
    replace: '+ logBytes <= (jointBytesMax < 0 ? -1 : Number.POSITIVE_INFINITY);',
    test: committing(
      'a joint commit',
      'is one of up to 4 MiB, blocks and log: 80 blocks of 64 KiB: false',
    ),
  },
  {
    name: 'joint-by-what-is-written-late',
    protects: 'opening reads little before it believes a joint generation',
    file: 'src/store/engine.ts',
    find: '    this.bornBlocks += ended.born.length;',
    replace:
      '    this.bornBlocks += ended.born.filter((each) => each.generation === this.openGeneration).length;',
    test: committing(
      'a joint commit',
      'is told by what it logs, not by what was written since the last commit',
    ),
  },
  {
    name: 'joint-blocks-unverified',
    protects: 'I1',
    file: 'src/store/recover.ts',
    find: 'if (!demanded && reader.bytesRead >= bytesMax) {',
    replace: 'if (demanded || reader.bytesRead >= bytesMax) {',
    test: explored('overtaken'),
  },
  {
    name: 'absurd-number-believed',
    protects: 'a rotten number does not keep a store from being opened',
    file: 'src/format/superblock.ts',
    find: 'return generation <= GENERATION_MAX ? generation : undefined;',
    replace: 'return generation;',
    test: opening(
      'a number that no store can count to',
      'in a superblock that was given up is damage: an older generation is opened, and goes on from its own number',
    ),
  },
  {
    name: 'joint-blocks-verified-up-to-the-limit',
    protects: 'I1',
    file: 'src/store/recover.ts',
    find: 'if (!demanded && reader.bytesRead >= bytesMax) {',
    replace: 'if (reader.bytesRead >= bytesMax) {',
    test: opening(
      'a joint generation',
      'I1: without one of its own blocks is given up, wherever the limit and whatever points to the block',
    ),
  },
  {
    name: 'joint-damage-tolerated',
    protects: 'I1',
    file: 'src/store/recover.ts',
    find: 'const flaw = unproved ?? (tolerateDamage ? undefined : blocks.damaged[0]);',
    replace: 'const flaw = tolerateDamage ? undefined : (unproved ?? blocks.damaged[0]);',
    test: opening(
      'a joint generation',
      'is not opened with a damaged block of its own, but with an older one, which is named',
    ),
  },
  {
    name: 'one-rotten-block-takes-all-joint-generations',
    protects: 'one rotten block does not take the others with it',
    file: 'src/store/recover.ts',
    find: 'const flaw = unproved ?? (tolerateDamage ? undefined : blocks.damaged[0]);',
    replace: 'const flaw = superblock.joint || !tolerateDamage ? blocks.damaged[0] : unproved;',
    test: opening(
      'a rotten block',
      'that every generation has does not take them with it: it is named, the rest reads',
    ),
  },
  {
    name: 'opening-does-not-flush',
    protects: 'I6',
    file: 'src/store/recover.ts',
    find: '  settle(source, givenUp(slots, superblock));\n',
    replace: '  settle({ ...source, ports: [], scratch: undefined }, []);\n',
    test: explored('written-and-not-flushed'),
  },
  {
    name: 'opening-flushes-one-disk',
    protects: 'I6',
    file: 'src/store/recover.ts',
    find: '  for (const port of ports) port.fence(0);\n',
    replace: '  for (const port of ports.slice(0, 1)) port.fence(0);\n',
    test: explored('written-and-not-flushed'),
  },
  {
    name: 'opening-ignores-a-failed-flush',
    protects: 'I12',
    file: 'src/store/recover.ts',
    find: "    if (typeof outcome === 'object') fault ??= outcome;",
    replace: '    fault = outcome === undefined ? fault : undefined;',
    test: opening('opening', 'I12: is refused when disk-1 cannot be flushed'),
  },
  {
    name: 'given-up-and-left',
    protects: 'what opening gives up does not come back',
    file: 'src/store/recover.ts',
    find: '  settle(source, givenUp(slots, superblock));\n',
    replace: '  settle(source, givenUp([], superblock));\n',
    test: opening('a roll-back', 'does not come back to it when a torn write completes it'),
  },
  {
    name: 'given-up-numbers-forgotten',
    protects: 'no generation number is given twice',
    file: 'src/format/superblock.ts',
    find: '  sector.set(bytes.subarray(0, SUPERBLOCK_HEADER.size));\n',
    replace: '',
    test: opening(
      'a roll-back',
      'is the same when opened again, and again: no commit is needed for that',
    ),
  },
  {
    name: 'no-doubt',
    protects: 'a store whose files the browser has closed and removed says evicted, not poisoned',
    file: 'src/store/engine.ts',
    find: "if (fault.kind === 'gone') this.beginDoubt",
    replace: "if (fault.kind === 'short') this.beginDoubt",
    test: {
      file: 'src/store/session.test.ts',
      title: [
        'I12: when the browser closes a file',
        'and its name is gone, who waits gets EVICTED, and so does who comes later',
      ],
    },
  },
  {
    name: 'stale-liveness',
    protects: 'an answer from before the doubt does not end it',
    file: 'src/store/liveness-watch.ts',
    find: 'if (asked !== this.asked) return;',
    replace: '',
    test: {
      file: 'src/store/liveness-watch.test.ts',
      title: [
        'liveness',
        'in doubt asks for the store id whatever the time, and takes no answer from before',
      ],
    },
  },
  {
    name: 'doubt-that-looks-once',
    protects: 'a store whose files are closed first and removed later says evicted',
    file: 'src/store/liveness-watch.ts',
    find: "if (answer === 'gone' || asked !== this.asked) return answer;",
    replace: 'return answer;',
    test: {
      file: 'src/store/liveness-watch.test.ts',
      title: [
        'liveness',
        'in doubt is gone also when the files are removed only after they were closed',
      ],
    },
  },
  {
    name: 'quota-by-class',
    protects: 'what Firefox throws for want of room is QUOTA',
    file: 'src/device/handle-device.ts',
    find: "if (name === 'QuotaExceededError' || name === FIREFOX_QUOTA) return 'quota';",
    replace: "if (name === 'QuotaExceededError') return 'quota';",
    test: {
      file: 'src/device/handle-device.test.ts',
      title: [
        'exceptions become faults by their names',
        'Firefox’s refusal to make a file longer is no error and no name of the standard, but quota',
      ],
    },
  },
];

export const RECOVERY: readonly Sabotage[] = [
  {
    name: 'a-ring-of-one',
    protects: 'I1',
    file: 'src/store/superblock-ring.ts',
    find: '    return slot;\n  }\n\n  /** The slot is about',
    replace: '    return 0 * slot;\n  }\n\n  /** The slot is about',
    test: explored('roots'),
  },
  {
    name: 'a-ring-of-two',
    protects: 'I1',
    file: 'src/store/superblock-ring.ts',
    find: '    return slot;\n  }\n\n  /** The slot is about',
    replace:
      '    return (this.generations[0] as number) < (this.generations[1] as number) ? 0 : 1 + 0 * slot;\n' +
      '  }\n\n  /** The slot is about',
    test: lied('single-puts'),
  },
  {
    name: 'slots-by-arithmetic',
    protects: 'I1',
    file: 'src/store/commit.ts',
    find: 'this.slot = ring.next();',
    replace: 'this.slot = (this.frozen?.generation ?? 0) % 4;',
    test: {
      file: 'src/sim/crash-chain.test.ts',
      title: [
        'I1: six commits in a row of which only the superblock lands leave the good one where it is',
      ],
    },
  },
  {
    name: 'what-was-given-up-is-recoverable',
    protects: 'I1',
    file: 'src/store/recover.ts',
    find: 'return generation !== undefined && chain.includes(generation) ? generation : undefined;',
    replace: 'return chain.length > 0 ? generation : undefined;',
    test: LIED_TWICE,
  },
  {
    name: 'two-predecessors',
    protects: 'I1',
    file: 'src/store/recover.ts',
    find: '[last.previous, last.beforePrevious, last.thirdPrevious]',
    replace: '[last.previous, last.beforePrevious]',
    test: LIED_TWICE,
  },
  {
    name: 'no-fallback',
    protects: 'a store opens at an older generation rather than not at all',
    file: 'src/store/recover.ts',
    find: '  for (const superblock of candidates) {\n    const verified',
    replace: '  for (const superblock of candidates.slice(0, 1)) {\n    const verified',
    test: lied('single-puts'),
  },
  {
    name: 'born-blocks-unverified',
    protects: 'I2',
    file: 'src/store/recover.ts',
    find: 'if (reader.verify(pointer)) continue;',
    replace: 'if (reader.bytesRead >= 0) continue;',
    test: lied('single-puts'),
  },
  {
    name: 'roll-back-unreported',
    protects: 'a roll-back is never silent',
    file: 'src/store/recover.ts',
    find: 'rejected: [...lost.reverse(), ...rejected],',
    replace: 'rejected: [],',
    test: lied('single-puts'),
  },
  {
    name: 'unreadable-superblock-unreported',
    protects: 'a roll-back is never silent',
    file: 'src/store/recover.ts',
    find: '...unreadable.slice(missing.length)]',
    replace: '...unreadable.slice(unreadable.length + missing.length)]',
    test: BYTES,
  },
  {
    name: 'file-length-unchecked',
    protects: 'a file that is too short is noticed when the store is opened',
    file: 'src/store/recover.ts',
    find: 'if (size < bytes) return',
    replace: 'if (size < 0) return',
    test: {
      file: 'src/store/recover.test.ts',
      title: ['lengths', 'a file that is too short for a generation rolls it back; longer is fine'],
    },
  },
  {
    name: 'generations-again',
    protects: 'no generation number is given twice',
    file: 'src/store/engine.ts',
    find: 'generation(recovered.highestGeneration + 1)',
    replace: 'generation(recovered.superblock.generation + 1)',
    test: {
      file: 'src/store/recover.test.ts',
      title: ['a roll-back', 'never gives a generation number twice'],
    },
  },
  {
    name: 'growth-is-no-evidence',
    protects: 'a store of which a file is missing is not created anew',
    file: 'src/store/store-files.ts',
    find: 'file !== undefined && hasGrown(file, disk, geometry)',
    replace: 'file !== undefined && hasGrown(file, 99, geometry)',
    test: {
      file: 'src/sim/lost-names.test.ts',
      title: ['files of ring-wrap whose names are lost are missed, or nothing was ever in them'],
    },
  },
  {
    name: 'leftovers-not-emptied',
    protects: 'an unfinished creation can be done again',
    file: 'src/store/store-files.ts',
    find: '    check(file.resize(0));\n    check(file.flush());',
    replace: '    check(file.resize(0));',
    test: EXPLORED_TWICE,
  },
];
