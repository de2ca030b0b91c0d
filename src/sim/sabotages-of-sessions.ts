/** Sabotages of what a session owes its clients: an end for everybody, in time, and for no other reason (I14). */
import type { Sabotage } from './sabotage.ts';

const SILENCE = 'I14: where threads share memory, 30 s of silence end the session';
const SHOWN = 'I14: what threads show of themselves in shared memory';

export const SESSIONS: readonly Sabotage[] = [
  {
    name: 'disk-deep-in-call-is-stuck',
    protects: 'I14: a slow disk does not end a session',
    file: 'src/client/disk-watch.ts',
    find: 'disk.mayBeDeepInCall && disk.page.operation !== undefined',
    replace: "disk.page.operation === 'close'",
    test: {
      file: 'src/client/disk-watch.test.ts',
      title: [
        SHOWN,
        'one deep in a call of its file is still, not stuck, and the engine may be waiting for it',
      ],
    },
  },
  {
    name: 'stuck-disk-unseen',
    protects: 'I14: a stuck disk ends the session, though the engine answers',
    file: 'src/client/heartbeat.ts',
    find: 'look?.stuck !== undefined && look.stuck.ticks',
    replace: 'look?.stuck !== undefined && this.#idle',
    test: {
      file: 'src/client/heartbeat.test.ts',
      title: [SILENCE, 'a disk’s, although the engine answers; and it is named'],
    },
  },
  {
    name: 'background-counts',
    protects: 'I14: only time in the foreground counts',
    file: 'src/client/heartbeat.ts',
    find: 'inForeground && !isExcused',
    replace: '!isExcused',
    test: {
      file: 'src/client/heartbeat.test.ts',
      title: [SILENCE, 'only seconds in the foreground count'],
    },
  },
  {
    name: 'engine-has-no-excuse',
    protects: 'I14: an engine that waits for a disk cannot answer',
    file: 'src/client/heartbeat.ts',
    find: 'look?.engineAtWork ?? this.#hasAnswered',
    replace: 'look === undefined && this.#hasAnswered',
    test: {
      file: 'src/client/heartbeat.test.ts',
      title: [
        SILENCE,
        'not the engine’s while it works with its disks, or waits for one deep in a call',
      ],
    },
  },
  {
    name: 'one-lives-for-all',
    protects: 'I14: each disk is watched for itself',
    file: 'src/sync/watchful-waiting.ts',
    find: 'const before = this.seen.get(page);',
    replace: 'const before = [...this.seen.values()].at(-1);',
    test: {
      file: 'src/sync/watchful-waiting.test.ts',
      title: [
        'I14: a thread that waits and hears of nobody’s death',
        'ends the session when one disk has been still for 30 s, though another lives',
      ],
    },
  },
  {
    name: 'granted-and-given-back-kept',
    protects: 'I9: what the page does not use is free',
    file: 'src/store/grants.ts',
    find: '    for (const { address, count } of this.runs) this.space.giveBack(address, count);\n',
    replace: '',
    test: {
      file: 'src/client/granted-blocks.test.ts',
      title: [
        'I9: what is granted and not used',
        'is free for whoever asks: a store fills up to its last block, as one that grants nothing',
      ],
    },
  },
  {
    name: 'grant-of-an-old-round',
    protects: 'I3: what nobody knows to be granted is free',
    file: 'src/store/grants.ts',
    find: 'if (round !== this.round) return;',
    replace: '',
    test: {
      file: 'src/store/session.test.ts',
      title: ['I3: an end that waited grants nothing to a page that has given back meanwhile'],
    },
  },
  {
    name: 'end-overtakes-a-write',
    protects: 'a transaction is never applied in part',
    file: 'src/store/session.ts',
    find: 'while (this.reclaiming !== undefined) await this.reclaiming;\n  }',
    replace: 'if (this.reclaiming !== undefined) await this.reclaiming;\n  }',
    test: {
      file: 'src/store/session.test.ts',
      title: ['space', 'I9: an end waits for all writes before it that wait for room'],
    },
  },
  {
    name: 'stage-without-end',
    protects: 'a block on its way to the engine is not written over',
    file: 'src/shared/stage.ts',
    find: '    if (full + count > this.cellCount) return undefined;\n',
    replace: '',
    test: {
      file: 'src/shared/stage.test.ts',
      title: ['a cell is filled again only when its block was taken'],
    },
  },
  {
    name: 'turn-for-the-dead',
    protects: 'I14: a dead client stops nobody',
    file: 'src/client/verb-server.ts',
    find: '    if (this.#abandoned) await session.abort(name);\n',
    replace: '',
    test: {
      file: 'src/client/verb-server.test.ts',
      title: [
        'I14: a dead client keeps no turn: not what it had open, nor what its last messages still ask for',
      ],
    },
  },
];
