/** The package types its older examples only. */
declare module '@journeyapps/wa-sqlite/src/examples/AccessHandlePoolVFS.js' {
  export const AccessHandlePoolVFS: {
    create(name: string, module: unknown): Promise<{ close(): Promise<void> }>;
  };
}
