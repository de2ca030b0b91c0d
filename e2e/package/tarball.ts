/** What `npm pack` makes of this folder. The build is whatever is there: nothing is built anew. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Packed {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

function npmPack(...options: string[]): Packed {
  const args = ['pack', '--json', '--ignore-scripts', ...options];
  const list = JSON.parse(execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8' })) as Packed[];
  if (list[0] === undefined) throw new Error('npm pack has made nothing');
  return list[0];
}

/** The files that would be in it, and their bytes in all. */
export function packedFiles(): { readonly paths: readonly string[]; readonly bytes: number } {
  const { files, unpackedSize } = npmPack('--dry-run');
  return { paths: files.map(({ path }) => path), bytes: unpackedSize };
}

/** The tarball's own path. */
export function pack(folder: string): string {
  return join(folder, npmPack('--pack-destination', folder).filename);
}
