/** One line gives a failure back: `npm run test:crash -- --replay '<line>'`. */
import { assert } from '../base/assert.ts';
import { workloadNamed } from './catalogue.ts';
import { crashInARow, newChainTally } from './crash-chain.ts';
import { RANDOM_LIES_BUDGET } from './crash-tasks.ts';
import { parseDamage } from './damage.ts';
import { Explorer, newTally, type StateName } from './explorer.ts';
import { FAILING_OPERATIONS, type FailingOperation, failOnce, newFailTally } from './fail-nth.ts';
import { imageBase } from './image-base.ts';
import { judgeDamage, judgeForged, newImageTally } from './image-judge.ts';
import { lieTwice } from './lies-twice.ts';
import { loseNames, newLostNamesTally } from './lost-names.ts';
import type { ForgedField } from './reseal.ts';
import { runWorkload } from './workload.ts';

/** Does again what a replay line names. Throws what it threw then, or nothing, when that has been mended. */
export function replay(line: string): void {
  const [outer = '', inner] = line.split(' then ');
  const [suite] = outer.split(' ');
  const fields = fieldsOf(outer);
  const workload = workloadNamed(text(fields, 'workload'));
  switch (suite) {
    case 'crash': {
      const { workload: _, ...trace } = runWorkload(workload);
      const budget = { exhaustiveUnits: 0, randomSubsets: 0, randomFates: 0 };
      const explorer = new Explorer(
        { ...trace, setting: workload.setting },
        { ...budget, deepEvery: 1, nestedEvery: 0 },
        newTally(),
        `crash workload=${workload.name}`,
      );
      explorer.replay(stateOf(fields), inner === undefined ? undefined : stateOf(fieldsOf(inner)));
      return;
    }
    case 'twice':
      lieTwice(runWorkload(workload), RANDOM_LIES_BUDGET, newTally());
      return;
    case 'chain':
      crashInARow(workload, number(fields, 'depth'), newChainTally());
      return;
    case 'names':
      loseNames(runWorkload(workload), newLostNamesTally());
      return;
    case 'fail':
      failOnce(workload, failureOf(fields), newFailTally());
      return;
    case 'image': {
      const damage = parseDamage(text(fields, 'damage'));
      judgeDamage(imageBase(workload), damage, newImageTally());
      return;
    }
    case 'forged': {
      const variant = number(fields, 'variant');
      judgeForged(imageBase(workload), fieldOf(fields), variant, newImageTally());
      return;
    }
    default:
      throw new RangeError(
        'a replay line begins with crash, twice, chain, names, fail, image or forged',
      );
  }
}

type Fields = ReadonlyMap<string, string>;

/** `name=value`, separated by spaces. */
function fieldsOf(line: string): Fields {
  const fields = new Map<string, string>();
  for (const word of line.split(' ')) {
    const [name = '', value] = word.split('=');
    if (value !== undefined) fields.set(name, value);
  }
  return fields;
}

function text(fields: Fields, name: string): string {
  const value = fields.get(name);
  if (value === undefined) throw new RangeError(`the replay line has no ${name}`);
  return value;
}

function number(fields: Fields, name: string): number {
  const value = Number(text(fields, name));
  assert(Number.isFinite(value), 'a number in a replay line is one');
  return value;
}

function stateOf(fields: Fields): StateName {
  return {
    lies: number(fields, 'lies'),
    operation: number(fields, 'crash'),
    fates: text(fields, 'fates'),
  };
}

function failureOf(fields: Fields) {
  const operation = text(fields, 'operation') as FailingOperation;
  assert(FAILING_OPERATIONS.includes(operation), 'what fails is a call of a file');
  const lasting = text(fields, 'lasting') === 'true';
  return { operation, nth: number(fields, 'nth'), lasting, way: number(fields, 'way') };
}

function fieldOf(fields: Fields): ForgedField {
  const [file, offset, size, structure] = text(fields, 'field').split(':');
  return {
    name: 'replayed',
    file: Number(file),
    offset: Number(offset),
    size: Number(size),
    structure: structure as ForgedField['structure'],
  };
}
