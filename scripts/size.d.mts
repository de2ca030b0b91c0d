/** By what a user imports or starts: bytes, minified and compressed. */
export function packageSizes(): Promise<Record<string, number>>;
