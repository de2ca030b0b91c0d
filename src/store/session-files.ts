/** From a directory to open devices: found, created anew, or refused. */
import type { StatesRoom } from '../arena/block-state.ts';
import { StoreError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import type { ReaderHorizon } from '../epoch/reader-horizon.ts';
import { createHasher, HASH_DOMAIN_BYTES } from '../format/hasher.ts';
import { type Label, STORE_ID_BYTES } from '../format/label.ts';
import type { LivenessProbe } from './commit.ts';
import type { StoreDirectory } from './directory.ts';
import type { EngineEvents } from './engine.ts';
import type { Layer } from './layer.ts';
import type { StoreSettings } from './settings.ts';
import { faultError } from './store-errors.ts';
import {
  assertGeometry,
  assertSoundGeometry,
  createFiles,
  inlineDisks,
  inspectFiles,
  type OpenedEngine,
  openEngine,
} from './store-files.ts';

export interface OpenedFiles {
  readonly created: boolean;
  readonly label: Label;
  readonly devices: readonly Device[];
  openEngine(options: {
    liveness: LivenessProbe;
    events: EngineEvents;
    layers: readonly Layer[];
    horizon?: ReaderHorizon;
    statesRoom?: StatesRoom;
  }): OpenedEngine;
}

/** Opens all files or none. */
export async function openFiles(
  directory: StoreDirectory,
  settings: StoreSettings,
): Promise<OpenedFiles> {
  const devices: Device[] = [];
  const open = async (file: string, create: boolean): Promise<Device> => {
    const device = await directory.open(file, { create });
    devices.push(device);
    return device;
  };
  try {
    return await openWith(directory, settings, open);
  } catch (error) {
    for (const device of devices) device.close();
    throw error;
  }
}

type OpenFile = (file: string, create: boolean) => Promise<Device>;

async function openWith(
  directory: StoreDirectory,
  settings: StoreSettings,
  open: OpenFile,
): Promise<OpenedFiles> {
  const hasher = await createHasher();
  const found: (Device | undefined)[] = [];
  for (const name of await directory.list()) {
    const disk = diskOfName(name);
    if (disk !== undefined) found[disk] = await open(name, false);
  }
  const files = Array.from(found);
  const inspection = inspectFiles(files, hasher);
  const exists = inspection.kind === 'store';
  if (exists && settings.exclusive) {
    throw new StoreError(
      'EXISTS',
      'A store of that name is there already: open it without exclusive.',
    );
  }
  if (exists) assertGeometry(inspection.label.geometry, settings.geometry, settings.demanded);
  const { label, devices } = exists
    ? { label: inspection.label, devices: present(files, inspection.label.geometry.diskCount) }
    : await create(directory, files, settings, open, hasher);
  if (!label.writable && !settings.readOnly) {
    throw new StoreError('VERSION', 'A later version wrote this store: open it with readOnly.');
  }
  return {
    created: !exists,
    label,
    devices,
    openEngine: (parts) =>
      openEngine(
        {
          ...parts,
          label,
          hasher,
          cacheBytes: settings.cacheBytes,
          maxBytes: settings.maxBytes,
          readOnly: settings.readOnly,
        },
        directory.disks?.(devices) ?? inlineDisks(devices),
      ),
  };
}

/** The store's own files; one beyond is nobody's. */
function present(files: readonly (Device | undefined)[], diskCount: number): Device[] {
  for (const file of files.slice(diskCount)) file?.close();
  return files.slice(0, diskCount).filter((file) => file !== undefined);
}

async function create(
  directory: StoreDirectory,
  found: readonly (Device | undefined)[],
  settings: StoreSettings,
  open: OpenFile,
  hasher: Awaited<ReturnType<typeof createHasher>>,
): Promise<{ label: Label; devices: Device[] }> {
  if (!settings.create || settings.readOnly) {
    throw new StoreError('NOT_FOUND', 'There is no store of that name: open it with create.');
  }
  const { geometry } = settings;
  assertSoundGeometry(geometry);
  for (const file of found.slice(geometry.diskCount)) {
    if (file !== undefined) await removeLeftover(directory, file);
  }
  const devices: Device[] = [];
  for (let disk = 0; disk < geometry.diskCount; disk += 1) {
    devices.push(found[disk] ?? (await open(`disk-${disk}`, true)));
  }
  const storeId = crypto.getRandomValues(new Uint8Array(STORE_ID_BYTES));
  const hashDomain = crypto.getRandomValues(new Uint8Array(HASH_DOMAIN_BYTES));
  createFiles(devices, { storeId, hashDomain, geometry }, hasher);
  return { label: { storeId, hashDomain, geometry, diskIndex: 0, writable: true }, devices };
}

/**
 * An unfinished creation had more disks than this one. Emptied first: removing a name is not durable in all browsers,
 * and a label that came back would belong to no store.
 */
async function removeLeftover(directory: StoreDirectory, file: Device): Promise<void> {
  const fault = file.resize(0) ?? file.flush();
  if (fault !== undefined) throw faultError(fault);
  file.close();
  await directory.removeFile(file.file);
}

/** `disk-3` → 3; `undefined` for a file that is not ours. */
function diskOfName(name: string): number | undefined {
  const match = /^disk-([0-7])$/.exec(name);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
