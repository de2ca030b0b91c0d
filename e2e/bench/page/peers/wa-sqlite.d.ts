/** The package types its older examples only. */
declare module '@journeyapps/wa-sqlite/src/examples/OPFSWriteAheadVFS.js' {
  export const OPFSWriteAheadVFS: {
    create(name: string, module: unknown): Promise<unknown>;
  };
}
