import { describe, expect, test } from 'vitest';
import { replay } from './crash-replay.ts';

describe('a replay line', () => {
  test.each([
    'crash workload=creation lies=1 crash=7 fates=1101fbga00000000',
    'crash workload=creation lies=1 crash=3 fates=101 then lies=1 crash=5 fates=101',
    'crash workload=single-puts lies=3 crash=44 fates=000000000000001',
    'crash workload=single-puts-fenced lies=3 crash=51 fates=000000000000001',
    'chain workload=random-7 depth=3',
    'names workload=creation crash=2 fate=0 missing=1',
    'fail workload=ring-wrap operation=write nth=3 lasting=true way=1',
    'image workload=roots damage=byte:0:4100:255',
    'forged workload=roots field=0:4168:4:superblock variant=3',
  ])('is done again: %s', (line) => {
    expect(() => replay(line)).not.toThrow();
  });

  test.each([
    ['dance workload=roots', 'a replay line begins with'],
    ['crash workload=roots lies=1 crash=1 fates=1', 'no such crash point'],
    ['crash workload=creation lies=1 crash=4 fates=11', 'another number of pending writes'],
    ['crash workload=roots', 'has no lies'],
    ['crash workload=unheard-of lies=1', 'a workload is'],
  ])('that names nothing is refused: %s', (line, message) => {
    expect(() => replay(line)).toThrow(message);
  });
});
