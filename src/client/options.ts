/**
 * What a caller may choose when opening a store: checked, completed with defaults, and turned into the engine's
 * settings. A wrong value is MISUSE with a sentence that says what would be right; nothing is corrected in silence.
 */
import { StoreError } from '../base/errors.ts';
import {
  ARENA_BLOCKS_MAX,
  arenasMax,
  DISKS_MAX,
  type Geometry,
  geometryFlaw,
} from '../format/geometry.ts';
import type { Durability } from '../store/report.ts';
import type { StoreSettings } from '../store/settings.ts';

/**
 * Which worker is to be started; `opfs-blocks/workers/<role>.js` is its script. The profile `inline` has one worker,
 * `'inline'`; the profile `threaded` has a `'store'` and a `'disk'` for each file.
 */
export type WorkerRole = 'store' | 'disk' | 'inline';
/**
 * The address of a worker script, or a function that starts the worker: for bundlers that do not follow `new URL(…,
 * import.meta.url)`, and for content policies. Workers are modules.
 */
export type WorkerSource = URL | ((role: WorkerRole) => Worker);

/** How a store is opened. What is fixed when a store is created may be left out later; another value is MISUSE then. */
export interface OpenOptions {
  /** Bytes of a block: a power of two, 4,096 … 65,536; 16,384 by default. Fixed when the store is created. */
  readonly blockSize?: number | undefined;
  /** Files, 1 … 8; by default 1 on up to 2 cores, 2 on up to 8, else 4. Fixed when the store is created. */
  readonly disks?: number | undefined;
  /**
   * Bytes of an arena: a multiple of `blockSize`, 32 … 2^24 blocks. By default it follows from `maxBytes`. Fixed when
   * the store is created.
   */
  readonly arenaBytes?: number | undefined;
  /** Bytes that the store's arenas may grow to, at least 32 blocks; then writes reject with FULL. 8 GiB by default. */
  readonly maxBytes?: number | undefined;
  /** Bytes of memory for cached blocks: at least 64 blocks, at most 2 GiB; 64 MiB by default. */
  readonly cacheBytes?: number | undefined;
  /** What a resolved transaction promises, unless it says otherwise itself; `'strict'` by default. */
  readonly durability?: Durability | undefined;
  /** `false`: NOT_FOUND when there is no such store. `true` by default, unless `readOnly`. */
  readonly create?: boolean | undefined;
  /** `true`: EXISTS when there is such a store. */
  readonly exclusive?: boolean | undefined;
  /** `true`: takes the same lock, writes nothing. */
  readonly readOnly?: boolean | undefined;
  /** How long to wait for the lock and for the files, in milliseconds, 0 or more, then LOCKED; 5,000 by default. */
  readonly waitMs?: number | undefined;
  /** Where the worker scripts are, when the bundler does not find them by itself. */
  readonly worker?: WorkerSource | undefined;
  /** Gives up opening, with ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

export interface ResolvedOptions {
  readonly settings: StoreSettings;
  /** The smallest blocks that a store found may have. */
  readonly blockBytesMin: number;
  readonly durability: Durability;
  readonly waitMs: number;
  readonly worker: WorkerSource | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What tests may do and applications may not: tiny blocks, and slots and sectors to match. */
export interface GeometryLimits {
  readonly blockBytesMin: number;
  readonly sectorBytes: number;
  readonly slotBytes: number;
}

export const PUBLIC_LIMITS: GeometryLimits = {
  blockBytesMin: 4096,
  sectorBytes: 4096,
  slotBytes: 65_536,
};

const MEBIBYTE = 2 ** 20;
const BLOCK_BYTES_DEFAULT = 16_384;
const BLOCK_BYTES_MAX = 65_536;
const MAX_BYTES_DEFAULT = 8192 * MEBIBYTE;
const ARENA_BYTES_DEFAULT = 64 * MEBIBYTE;
const ARENA_BLOCKS_MIN = 32;
const CACHE_BYTES_DEFAULT = 64 * MEBIBYTE;
const CACHE_BLOCKS_MIN = 64;
/** What one array can surely be. */
const CACHE_BYTES_MAX = 2 ** 31;
const WAIT_MS_DEFAULT = 5000;

const OPTION_NAMES: readonly (keyof OpenOptions)[] = [
  ...(['blockSize', 'disks', 'arenaBytes', 'maxBytes', 'cacheBytes', 'durability'] as const),
  ...(['create', 'exclusive', 'readOnly', 'waitMs', 'worker', 'signal'] as const),
];

/**
 * @param cores what the machine has, for the number of files.
 * @throws StoreError MISUSE
 */
export function resolveOptions(
  options: OpenOptions,
  cores: number,
  limits: GeometryLimits = PUBLIC_LIMITS,
): ResolvedOptions {
  checkOptionNames(options);
  const { geometry, maxBytes } = resolveGeometry(options, cores, limits);
  const demanded: (keyof Geometry)[] = [];
  if (options.blockSize !== undefined) demanded.push('blockBytes');
  if (options.disks !== undefined) demanded.push('diskCount');
  if (options.arenaBytes !== undefined) demanded.push('arenaBytes');
  return {
    settings: {
      geometry,
      demanded,
      maxBytes,
      cacheBytes: resolveCacheBytes(options, geometry.blockBytes),
      ...resolveModes(options),
    },
    blockBytesMin: limits.blockBytesMin,
    durability: checkDurability(options.durability ?? 'strict'),
    waitMs: resolveWaitMs(options),
    worker: checkWorker(options.worker),
    signal: checkSignal(options.signal),
  };
}

/** Settings that open whatever is there without writing a byte: to look at what an import has made. */
export function inspectionSettings(): StoreSettings {
  const { settings } = resolveOptions({ readOnly: true }, 1);
  return settings;
}

function checkOptionNames(options: OpenOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw misuse('options must be an object.');
  }
  for (const name of Object.keys(options)) {
    if ((OPTION_NAMES as readonly string[]).includes(name)) continue;
    throw misuse(`There is no option '${name}'. There are: ${OPTION_NAMES.join(', ')}.`);
  }
}

function resolveGeometry(
  options: OpenOptions,
  cores: number,
  limits: GeometryLimits,
): { geometry: Geometry; maxBytes: number } {
  const blockBytes = options.blockSize ?? BLOCK_BYTES_DEFAULT;
  if (!isPowerOfTwo(blockBytes, limits.blockBytesMin, BLOCK_BYTES_MAX)) {
    const range = `${limits.blockBytesMin} to ${BLOCK_BYTES_MAX}`;
    throw misuse(`blockSize must be a power of two from ${range}, not ${show(blockBytes)}.`);
  }
  const arenaBytesMin = ARENA_BLOCKS_MIN * blockBytes;
  const maxBytesGiven = options.maxBytes ?? MAX_BYTES_DEFAULT;
  if (!Number.isSafeInteger(maxBytesGiven) || maxBytesGiven < arenaBytesMin) {
    throw misuse(
      `maxBytes must be a whole number of bytes, at least ${ARENA_BLOCKS_MIN} blocks ` +
        `(${arenaBytesMin}), not ${show(maxBytesGiven)}.`,
    );
  }
  const diskCount = resolveDisks(options, cores, Math.floor(maxBytesGiven / arenaBytesMin));
  const { sectorBytes, slotBytes } = limits;
  const disks = { blockBytes, sectorBytes, slotBytes, diskCount };
  const arenaBytes = options.arenaBytes ?? defaultArenaBytes(disks, maxBytesGiven);
  const geometry: Geometry = { ...disks, arenaBytes };
  const flaw = geometryFlaw(geometry);
  if (flaw !== undefined) {
    throw misuse(
      `arenaBytes must be a multiple of blockSize, from ${ARENA_BLOCKS_MIN} to ` +
        `${ARENA_BLOCKS_MAX} blocks, not ${show(arenaBytes)}.`,
    );
  }
  return { geometry, maxBytes: resolveMaxBytes(options, geometry, maxBytesGiven) };
}

/** A store whose arenas cannot hold what the caller asks for would be FULL too early. */
function resolveMaxBytes(options: OpenOptions, geometry: Geometry, maxBytes: number): number {
  const reachable = arenasMax(geometry) * geometry.arenaBytes;
  if (maxBytes <= reachable) return maxBytes;
  if (options.maxBytes === undefined) return reachable;
  throw misuse(
    `maxBytes is ${maxBytes}, but ${arenasMax(geometry)} arenas of ${geometry.arenaBytes} bytes hold only ` +
      `${reachable}: make arenaBytes larger, or leave it out.`,
  );
}

function resolveDisks(options: OpenOptions, cores: number, disksThatFit: number): number {
  const { disks } = options;
  if (disks === undefined) {
    const wanted = cores <= 2 ? 1 : cores <= 8 ? 2 : 4;
    return Math.min(wanted, disksThatFit);
  }
  if (!Number.isInteger(disks) || disks < 1 || disks > DISKS_MAX) {
    throw misuse(`disks must be a whole number from 1 to ${DISKS_MAX}, not ${show(disks)}.`);
  }
  if (disks > disksThatFit) {
    throw misuse(
      `maxBytes has room for ${disksThatFit} disks: each needs an arena of ${ARENA_BLOCKS_MIN} blocks.`,
    );
  }
  return disks;
}

/** Large enough that there is room in a superblock for all, small enough that every disk gets one. */
function defaultArenaBytes(disks: Omit<Geometry, 'arenaBytes'>, maxBytes: number): number {
  const { blockBytes, diskCount } = disks;
  const most = arenasMax({ ...disks, arenaBytes: ARENA_BYTES_DEFAULT });
  const wanted = powerOfTwoAtLeast(Math.max(ARENA_BYTES_DEFAULT, maxBytes / most));
  const share = powerOfTwoAtMost(maxBytes / diskCount);
  return Math.min(wanted, Math.max(share, ARENA_BLOCKS_MIN * blockBytes));
}

function resolveCacheBytes(options: OpenOptions, blockBytes: number): number {
  const cacheBytes = options.cacheBytes ?? CACHE_BYTES_DEFAULT;
  const least = CACHE_BLOCKS_MIN * blockBytes;
  if (Number.isSafeInteger(cacheBytes) && cacheBytes >= least && cacheBytes <= CACHE_BYTES_MAX) {
    return cacheBytes;
  }
  throw misuse(
    `cacheBytes must be a whole number of bytes from ${least} (${CACHE_BLOCKS_MIN} blocks) to ` +
      `${CACHE_BYTES_MAX}, not ${show(cacheBytes)}.`,
  );
}

function resolveModes(
  options: OpenOptions,
): Pick<StoreSettings, 'create' | 'exclusive' | 'readOnly'> {
  for (const name of ['create', 'exclusive', 'readOnly'] as const) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'boolean') {
      throw misuse(`${name} must be true or false, not ${show(value)}.`);
    }
  }
  const readOnly = options.readOnly ?? false;
  const exclusive = options.exclusive ?? false;
  const create = options.create ?? !readOnly;
  if (readOnly && create) {
    throw misuse('A store that is opened readOnly cannot be created: leave out create.');
  }
  if (exclusive && !create) {
    throw misuse('exclusive asks for a new store, so create must not be false.');
  }
  return { create, exclusive, readOnly };
}

export function checkDurability(durability: Durability): Durability {
  if (durability === 'strict' || durability === 'relaxed') return durability;
  throw misuse(`durability must be 'strict' or 'relaxed', not ${show(durability)}.`);
}

/** @throws StoreError MISUSE */
export function resolveWaitMs(options: { readonly waitMs?: number | undefined }): number {
  const waitMs = options.waitMs ?? WAIT_MS_DEFAULT;
  if (typeof waitMs === 'number' && waitMs >= 0) return waitMs;
  throw misuse(`waitMs must be 0 or more milliseconds, not ${show(waitMs)}.`);
}

function checkWorker(worker: WorkerSource | undefined): WorkerSource | undefined {
  if (worker === undefined || typeof worker === 'function' || worker instanceof URL) return worker;
  throw misuse('worker must be a URL, or a function that starts a Worker.');
}

/** @throws StoreError MISUSE */
export function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  if (typeof signal === 'object' && signal !== null && typeof signal.aborted === 'boolean') {
    return signal;
  }
  throw misuse('signal must be an AbortSignal.');
}

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most && (value & (value - 1)) === 0;
}

function powerOfTwoAtLeast(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}

function powerOfTwoAtMost(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}

function show(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

function misuse(message: string): StoreError {
  return new StoreError('MISUSE', message);
}
