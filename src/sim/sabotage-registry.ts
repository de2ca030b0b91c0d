/**
 * Protections that are removed on purpose, one at a time, and the test that must notice each. There is no switch for
 * them in the product: `sabotage-plugin` changes one exact snippet of one source file while that is loaded for a test.
 * A snippet that is not found exactly once is an error, so the registry cannot rot.
 *
 * A test that cannot fail is worthless: `sabotage.crash.ts` demands that every test named here passes as it is and
 * fails under its sabotage.
 */
import { explored, type Sabotage } from './sabotage.ts';
import { CHECKSUMS, DISKS, SPACE } from './sabotages-of-blocks.ts';
import { COMMIT, JOINT_COMMIT, RECOVERY } from './sabotages-of-commit.ts';
import { DISK_THREADS } from './sabotages-of-disk-threads.ts';
import { SESSIONS } from './sabotages-of-sessions.ts';
import { THREADS } from './sabotages-of-threads.ts';

export const SABOTAGES: readonly Sabotage[] = [
  ...COMMIT,
  ...JOINT_COMMIT,
  ...RECOVERY,
  ...CHECKSUMS,
  ...DISKS,
  ...SPACE,
  ...THREADS,
  ...DISK_THREADS,
  ...SESSIONS,
];

const RECOVER = 'export function recover(source: RecoverySource): RecoveredStore {\n';

/** Shows that the harness sees failures: this must be caught, or nothing that was caught means anything. */
export const CANARY: Sabotage = {
  name: 'canary',
  protects: 'the harness',
  file: 'src/store/recover.ts',
  find: RECOVER,
  replace: `${RECOVER}  if (source !== undefined) throw new Error('canary');\n`,
  test: explored('roots'),
};

/** Shows that it sees passes: a sabotage that changes nothing must not be caught. */
export const DUMMY: Sabotage = {
  ...CANARY,
  name: 'dummy',
  replace: `${RECOVER}  // Nothing.\n`,
};
