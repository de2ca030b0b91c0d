/**
 * Applies one sabotage of the registry while its source file is loaded for a test. Nothing on the disk is changed.
 */
import type { Plugin } from 'vite';
import type { Sabotage } from './sabotage.ts';
import { CANARY, DUMMY, SABOTAGES } from './sabotage-registry.ts';

/** Names the sabotage to apply. */
export const SABOTAGE_VARIABLE = 'OPFS_BLOCKS_SABOTAGE';

export function sabotageNamed(name: string): Sabotage {
  const sabotage = [...SABOTAGES, CANARY, DUMMY].find((each) => each.name === name);
  if (sabotage === undefined) throw new RangeError(`there is no sabotage '${name}'`);
  return sabotage;
}

/** Throws unless the snippet is in the source exactly once: the registry must follow the code. */
export function sabotaged(source: string, { name, find, replace }: Sabotage): string {
  const pieces = source.split(find);
  const [before, after] = pieces;
  if (pieces.length !== 2 || before === undefined || after === undefined) {
    throw new RangeError(`the snippet of sabotage '${name}' is there ${pieces.length - 1} times`);
  }
  return `${before}${replace}${after}`;
}

export function sabotagePlugin(name: string): Plugin {
  const sabotage = sabotageNamed(name);
  return {
    name: 'sabotage',
    enforce: 'pre',
    transform(source, id) {
      const [path = ''] = id.split('?');
      return path.endsWith(`/${sabotage.file}`) ? sabotaged(source, sabotage) : undefined;
    },
  };
}
