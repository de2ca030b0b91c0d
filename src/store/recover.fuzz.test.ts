/**
 * Damaged files, one by one and all of them: every byte of a small store changed, every file cut at every sector,
 * files swapped, foreign, or from an earlier day. Whatever is opened is a state that was committed, bit by bit; what
 * is not is refused or named; and no acknowledged commit goes without a word.
 *
 * Nothing is random in here, so a failure replays by running it again; its message names file, offset and byte.
 */
import { describe, expect, test } from 'vitest';
import { StoreError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/handle-device.ts';
import { MemoryDirectory, type MemoryFile } from '../device/memory-handle.ts';
import { fileOffsetOf, type Geometry, LABEL_BYTES, slotOffset } from '../format/geometry.ts';
import { BlockHasher } from '../format/hasher.ts';
import type { Label } from '../format/label.ts';
import type { Pointer } from '../format/pointer.ts';
import { hasher, MemoryStore, type MemoryStoreOptions } from '../sim/memory-store.ts';
import { stride } from '../sim/scale.ts';
import { KEYS, putKey, walk } from '../sim/three-levels.ts';
import { InlineDisk } from '../sync/inline-disk.ts';
import { type RecoveredStore, recover } from './recover.ts';
import { createFiles, inspectFiles } from './store-files.ts';

const BLOCK = 512;
/** Two files of 32 KiB: label, two superblock slots, one arena of 40 blocks, 28 of them the log's reserve. */
const GEOMETRY: Geometry = {
  blockBytes: BLOCK,
  sectorBytes: 512,
  slotBytes: 4096,
  diskCount: 2,
  arenaBytes: 40 * BLOCK,
};
const OPTIONS: MemoryStoreOptions = {
  geometry: GEOMETRY,
  maxBytes: 2 * GEOMETRY.arenaBytes,
  cacheBytes: 16 * BLOCK,
};
const FILES = ['disk-0', 'disk-1'];
const BYTE_STRIDE = stride(11);

/** A generation as it was committed: its blocks, everything that hangs on its roots, and the files right after. */
interface Committed {
  readonly generation: number;
  readonly blocks: readonly { readonly pointer: Pointer; readonly bytes: Uint8Array }[];
  readonly files: MemoryDirectory;
}

function live(directory: MemoryDirectory): Committed[] {
  const store = new MemoryStore({ ...OPTIONS, directory });
  const committed: Committed[] = [];
  const read = (pointer: Pointer) => store.read(pointer);
  for (let round = 0; round < 17; round += 1) {
    store.transact((tx) => {
      putKey(tx, read, (round * 5) % KEYS, round + 1);
      if (round === 0) tx.setRoot('old', tx.write([new Uint8Array(BLOCK).fill(200)])[0]);
      if (round % 3 === 2) putKey(tx, read, ((round - 2) * 5) % KEYS, undefined);
    });
    store.commit();
    const { reachable } = walk(store.engine.roots, read);
    const pointers = [...reachable, store.engine.roots.get('old') as Pointer];
    committed.push({
      generation: store.engine.durableGeneration,
      blocks: pointers.map((pointer) => ({ pointer, bytes: store.read(pointer) })),
      files: directory.clone(),
    });
  }
  const compactions = store.engine.arenas.arenas.map((arena) => arena.compactionCount);
  expect(compactions.length === 2 && Math.min(...compactions)).toBeGreaterThanOrEqual(1);
  store.close();
  return committed;
}

const history = live(new MemoryDirectory());
const newest = history[history.length - 1] as Committed;

/** What recovery makes of the files: all that an engine on them would go by. */
type Outcome = { readonly recovered: RecoveredStore } | { readonly error: StoreError };

/** Recovers from files that stay open, so that each of 100,000 tries costs only its reads. */
class Patient {
  readonly files: readonly MemoryFile[];
  readonly disks: readonly InlineDisk[];
  readonly blockHasher: BlockHasher;
  readonly label: Label;
  /** By file and byte: 1 when it has been read. */
  readonly read: readonly Uint8Array[];
  private readonly devices: Device[];

  constructor(directory: MemoryDirectory) {
    this.files = FILES.map((name) => directory.file(name) as MemoryFile);
    this.read = this.files.map((file) => new Uint8Array(file.size));
    this.devices = FILES.map((name, disk) => this.openDevice(name, disk, directory));
    const inspection = inspectFiles(this.devices, hasher);
    if (inspection.kind !== 'store') throw new Error('the patient is no store');
    for (const read of this.read) expect(read.indexOf(0)).toBe(LABEL_BYTES);
    this.label = inspection.label;
    this.blockHasher = new BlockHasher(hasher, inspection.label.hashDomain);
    const { verify } = this.blockHasher;
    const memory = { bytes: new Uint8Array(BLOCK) };
    this.disks = this.devices.map(
      (device, disk) =>
        new InlineDisk({ disk: disk as never, device, memory, verify, blockBytes: BLOCK }),
    );
  }

  private openDevice(name: string, disk: number, directory: MemoryDirectory): Device {
    const handle = directory.open(name);
    return openDevice(name, {
      read: (buffer, { at }) => {
        this.read[disk]?.fill(1, at, at + buffer.length);
        return handle.read(buffer, { at });
      },
      write: () => expect.fail('recovery writes nothing'),
      truncate: () => expect.fail('recovery writes nothing'),
      flush: () => handle.flush(),
      getSize: () => handle.getSize(),
      close: () => handle.close(),
    });
  }

  /** `inspect`: whether the labels may have changed. Only they decide whether the files are a store. */
  open({ inspect = true }: { inspect?: boolean } = {}): Outcome {
    try {
      const label = inspect ? this.inspectedLabel() : this.label;
      const { disks: ports, blockHasher } = this;
      return { recovered: recover({ label, ports, hasher, blockHasher }) };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return { error };
    }
  }

  private inspectedLabel(): Label {
    const inspection = inspectFiles(this.devices, hasher);
    if (inspection.kind !== 'store') throw new Error('a store was taken for an unfinished one');
    return inspection.label;
  }
}

/** Everything in a recovery that decides what the engine does next, as text; the report itself is left out. */
function essence({ superblock, logs }: RecoveredStore): string {
  const arenas = logs.map((log) => {
    const free: number[] = [];
    log.free.forEach((start, count) => {
      free.push(start, count);
    });
    const { arena, grownBlocks, loggedFreeBlocks, pending, born, chain, successor, position } = log;
    const recent = log.recent.map(({ commit, units }) => [commit, units.unitCount]);
    return {
      arena,
      grownBlocks,
      loggedFreeBlocks,
      pending,
      born,
      chain,
      successor,
      position,
      recent,
      free,
    };
  });
  const { generation, previous, beforePrevious, roots } = superblock;
  return JSON.stringify([generation, previous, beforePrevious, [...roots], arenas]);
}

/** The last four generations as recovered from files in which the newer superblocks are blank. */
function recoveries(): Map<number, RecoveredStore> {
  const found = new Map<number, RecoveredStore>();
  const files = newest.files.clone();
  const patient = new Patient(files);
  for (;;) {
    const outcome = patient.open();
    if ('error' in outcome) return found;
    const { superblock, slotGenerations } = outcome.recovered;
    found.set(superblock.generation, outcome.recovered);
    const slot = slotGenerations.indexOf(superblock.generation);
    const file = patient.files[slot % 2] as MemoryFile;
    file.write(new Uint8Array(GEOMETRY.slotBytes), slotOffset(slot, GEOMETRY));
  }
}

const KNOWN = recoveries();
const ESSENCES = new Map([...KNOWN].map(([generation, known]) => [generation, essence(known)]));

/**
 * Says what is wrong with an outcome, or ''. Whether blocks read right is `readFlaw`’s business. `closely`: what was
 * damaged could have changed more than whether something verifies.
 */
function outcomeFlaw(
  outcome: Outcome,
  {
    closely = true,
    lossMayBeSilent = false,
  }: { closely?: boolean; lossMayBeSilent?: boolean } = {},
): string {
  if ('error' in outcome) {
    const { code } = outcome.error;
    return code === 'CORRUPT' || code === 'VERSION' ? '' : `refused with ${code}`;
  }
  const { recovered } = outcome;
  const { generation } = recovered.superblock;
  const silent = generation < newest.generation && recovered.rejected.length === 0;
  if (silent && !lossMayBeSilent) return `generation ${generation} was opened without a word`;
  const known = ESSENCES.get(generation);
  if (known === undefined) return `generation ${generation} was not there to be opened`;
  if (!closely || essence(recovered) === known) return '';
  return `generation ${generation} is not what was committed`;
}

/** A store on a copy of the files. */
function open(files: MemoryDirectory): MemoryStore {
  return new MemoryStore({ ...OPTIONS, directory: files.clone() });
}

/** An engine on the files reads every block of the generation it opened as it was, or says CORRUPT. */
function readFlaw(files: MemoryDirectory): string {
  let store: MemoryStore;
  try {
    store = open(files);
  } catch (error) {
    if (error instanceof StoreError) return '';
    throw error;
  }
  const { generation } = store.opened.recovered.superblock;
  const expected = history.find((each) => each.generation === generation);
  if (expected === undefined) return `generation ${generation} was never committed`;
  for (const { pointer, bytes } of expected.blocks) {
    try {
      if (!sameBytes(store.read(pointer), bytes)) return `wrong bytes at ${pointer.address}`;
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'CORRUPT') throw error;
    }
  }
  store.close();
  return '';
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

const CHANGES: readonly ((byte: number) => number)[] = [
  (byte) => byte ^ 0xff,
  (byte) => byte ^ 0x01,
  (byte) => byte ^ 0x80,
  () => 0x00,
  () => 0xff,
];

/** Whether the byte is part of a label's fields or of a superblock. */
function isHeader(offset: number): boolean {
  const inSlot = (offset - LABEL_BYTES) % GEOMETRY.slotBytes;
  return offset < LABEL_BYTES ? offset < 128 : offset < 3 * 4096 && inSlot < 256;
}

/** Where the structures are dense every change is tried, elsewhere one: a hash does not care which. */
function changesAt(offset: number): readonly ((byte: number) => number)[] {
  return isHeader(offset) ? CHANGES : CHANGES.slice(offset % 3, (offset % 3) + 1);
}

/** Sectors of the disk that an allocation log has, in any of the last four generations. */
function logSectors(disk: number): Set<number> {
  const sectors = new Set<number>();
  for (const { logs } of KNOWN.values()) {
    for (const { arena, chain, successor } of logs) {
      if (arena % 2 !== disk) continue;
      for (const block of [...chain, successor]) {
        const address = (arena * GEOMETRY.arenaBytes + block * BLOCK) as Pointer['address'];
        sectors.add(fileOffsetOf(address, GEOMETRY) / BLOCK);
      }
    }
  }
  return sectors;
}

/** A block that holds the changed byte must not verify any more. */
function blockFlaw(patient: Patient, disk: number, offset: number): string {
  for (const { blocks } of history.slice(-4)) {
    for (const { pointer } of blocks) {
      if (Math.floor(pointer.address / GEOMETRY.arenaBytes) % 2 !== disk) continue;
      const start = fileOffsetOf(pointer.address, GEOMETRY);
      if (offset < start || offset >= start + BLOCK) continue;
      const bytes = new Uint8Array(BLOCK);
      (patient.files[disk] as MemoryFile).read(bytes, start);
      if (patient.blockHasher.verify(bytes, pointer)) return `${pointer.address} still verifies`;
    }
  }
  return '';
}

describe('I2: every byte of a store, changed one by one', () => {
  const tally = { tries: 0, refused: 0, rolledBack: 0, damaged: 0, unharmed: 0 };

  function note(outcome: Outcome | undefined): string {
    tally.tries += 1;
    if (outcome === undefined) {
      tally.unharmed += 1;
      return 'not read';
    }
    if ('error' in outcome) {
      tally.refused += 1;
      return outcome.error.code;
    }
    const { rejected, damaged, superblock } = outcome.recovered;
    if (damaged.length > 0) tally.damaged += 1;
    else if (superblock.generation < newest.generation) tally.rolledBack += 1;
    else tally.unharmed += 1;
    return `${superblock.generation} ${rejected.length} ${damaged.join()}`;
  }

  const parts = FILES.flatMap((name) => [0, 8192, 16_384, 24_576].map((from) => ({ name, from })));

  test.each(parts)(
    '$name from $from: refused, rolled back, named, or harmless',
    ({ name, from }) => {
      const directory = newest.files.clone();
      const patient = new Patient(directory);
      const disk = FILES.indexOf(name);
      const file = patient.files[disk] as MemoryFile;
      const whole = file.bytes();
      expect(whole.length).toBe(32_768);
      const sectors = logSectors(disk);
      patient.open();
      const read = (patient.read[disk] as Uint8Array).slice();
      const kinds = new Set<string>();
      for (let offset = from; offset < from + 8192; offset += BYTE_STRIDE) {
        const closely = isHeader(offset) || sectors.has(Math.floor(offset / BLOCK));
        for (const change of changesAt(offset)) {
          const byte = change(whole[offset] as number);
          if (byte === whole[offset]) continue;
          file.write(Uint8Array.of(byte), offset);
          // What opening the sound store never reads cannot change what it does; the test below tries all of it at
          // once.
          const inspect = offset < LABEL_BYTES;
          const outcome = read[offset] === 1 ? patient.open({ inspect }) : undefined;
          const kind = note(outcome);
          const isNew = !kinds.has(kind);
          kinds.add(kind);
          let flaw = blockFlaw(patient, disk, offset);
          if (outcome !== undefined) flaw ||= outcomeFlaw(outcome, { closely: closely || isNew });
          // The engine itself reads every block, for each new kind of outcome and now and then besides.
          if (isNew || offset % 499 === 0) flaw ||= readFlaw(directory);
          if (flaw !== '') expect.fail(`${name}, byte ${offset} as ${byte}: ${flaw}`);
        }
        file.write(whole.subarray(offset, offset + 1), offset);
      }
    },
  );

  test('what opening does not read does not matter to it', () => {
    const directory = newest.files.clone();
    const patient = new Patient(directory);
    patient.open();
    let unread = 0;
    for (const [disk, file] of patient.files.entries()) {
      const bytes = file.bytes();
      for (const [offset, read] of (patient.read[disk] as Uint8Array).entries()) {
        if (read === 1) continue;
        bytes[offset] = (bytes[offset] as number) ^ 0xff;
        unread += 1;
      }
      file.write(bytes, 0);
    }
    expect(unread).toBeGreaterThan(10_000);
    const outcome = patient.open();
    expect(outcome).toMatchObject({ recovered: { rejected: [], damaged: [] } });
    expect(outcomeFlaw(outcome)).toBe('');
  });

  test('and each of the four happened often', () => {
    expect(tally.tries).toBeGreaterThanOrEqual(65_536 / BYTE_STRIDE);
    expect(tally.refused).toBeGreaterThan(1000 / BYTE_STRIDE);
    expect(tally.rolledBack).toBeGreaterThan(1000 / BYTE_STRIDE);
    expect(tally.damaged).toBeGreaterThan(100 / BYTE_STRIDE);
    expect(tally.unharmed).toBeGreaterThan(1000 / BYTE_STRIDE);
  });
});

/** Opens files that are not as the store left them, and goes on with what was opened. */
function openFlaw(files: MemoryDirectory, lossMayBeSilent = false): string {
  const flaw = readFlaw(files);
  if (flaw !== '') return flaw;
  let store: MemoryStore;
  try {
    store = open(files);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return error.code === 'CORRUPT' ? '' : `refused with ${error.code}`;
  }
  const { superblock, rejected } = store.opened.recovered;
  if (superblock.generation < newest.generation && rejected.length === 0 && !lossMayBeSilent) {
    return `generation ${superblock.generation} was opened without a word`;
  }
  const pointer = store.transact((tx) => tx.write([new Uint8Array(BLOCK).fill(77)])[0] as Pointer);
  store.commit();
  const again = store.reopen();
  if (again.engine.durableGeneration <= superblock.generation) return 'it does not go on';
  return sameBytes(again.read(pointer), new Uint8Array(BLOCK).fill(77)) ? '' : 'wrong bytes';
}

function bytesOf(files: MemoryDirectory, name: string): Uint8Array {
  return files.file(name)?.bytes() ?? new Uint8Array(0);
}

/** The newest files, with one of them in place of another's. */
function withFile(name: string, file: MemoryFile | undefined): MemoryDirectory {
  const files = newest.files.clone();
  if (file !== undefined) files.put(name, file.clone());
  return files;
}

describe('files that are not the store’s', () => {
  test.each(FILES)('%s cut at every sector is refused, or rolled back with a report', (name) => {
    const size = bytesOf(newest.files, name).length;
    for (let length = 0; length < size; length += GEOMETRY.sectorBytes) {
      const files = newest.files.clone();
      files.file(name)?.truncate(length);
      expect(openFlaw(files), `${name} cut to ${length} bytes`).toBe('');
    }
  });

  test.each(FILES)('%s made longer does not matter', (name) => {
    const files = newest.files.clone();
    files.file(name)?.write(new Uint8Array(5000).fill(1), 32_768);
    expect(openFlaw(files)).toBe('');
    expect(open(files).opened.recovered.rejected).toEqual([]);
  });

  test('swapped, they are refused', () => {
    const files = newest.files.clone();
    const [first, second] = FILES.map((name) => files.file(name));
    files.put('disk-0', second as MemoryFile);
    files.put('disk-1', first as MemoryFile);
    expect(() => open(files)).toThrow(
      expect.objectContaining({ code: 'CORRUPT', coordinates: { file: 'disk-0' } }),
    );
    expect(openFlaw(files)).toBe('');
  });

  test.each(FILES)('%s of another store is refused, and the file is named', (name) => {
    const foreign = new MemoryDirectory();
    const storeId = new Uint8Array(16).fill(0x77);
    const devices = FILES.map((file) => openDevice(file, foreign.open(file)));
    createFiles(devices, { storeId, hashDomain: storeId, geometry: GEOMETRY }, hasher);
    for (const device of devices) device.close();
    live(foreign);
    const files = withFile(name, foreign.file(name));
    expect(() => open(files)).toThrow(
      expect.objectContaining({ code: 'CORRUPT', coordinates: { file: 'disk-1' } }),
    );
    expect(openFlaw(files)).toBe('');
  });

  test.each(FILES)('%s missing, empty or blank is refused, never created anew', (name) => {
    const missing = new MemoryDirectory();
    for (const other of FILES) {
      if (other !== name) missing.put(other, newest.files.clone().file(other) as MemoryFile);
    }
    const devices = FILES.map((file) =>
      file === name ? undefined : openDevice(file, missing.open(file)),
    );
    expect(() => inspectFiles(devices, hasher)).toThrow(
      expect.objectContaining({ code: 'CORRUPT' }),
    );
    expect(openFlaw(withFile(name, new MemoryDirectory().file(name)))).toBe('');
    const blank = newest.files.clone();
    blank.file(name)?.write(new Uint8Array(32_768), 0);
    expect(() => open(blank)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
  });

  test.each(FILES)('an old copy of %s, of each earlier generation', (name) => {
    const disk = FILES.indexOf(name);
    let opened = 0;
    for (const old of history.slice(0, -1)) {
      const files = withFile(name, old.files.file(name));
      // Where the newest superblock was on the file that is old now, nothing in the store can tell: a crash before
      // it was written leaves the same. The catalogue outside remembers its generation.
      const slot = new Patient(newest.files.clone()).open() as { recovered: RecoveredStore };
      const home = slot.recovered.slotGenerations.indexOf(newest.generation) % 2;
      expect(openFlaw(files, home === disk), `of generation ${old.generation}`).toBe('');
      try {
        open(files);
        opened += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: 'CORRUPT' });
      }
    }
    // I1: with one file as of either of the two generations before, the store opens.
    expect(opened).toBeGreaterThanOrEqual(2);
  });
});
