/** An image as a stream: one chunk is asked for when one is wanted, so memory stays small. */
import type { StoreVerbs } from '../store/verbs.ts';

type ExportVerbs = Pick<StoreVerbs, 'exportStart' | 'exportNext' | 'exportCancel'>;

export function exportStream(verbs: ExportVerbs): ReadableStream<Uint8Array> {
  let stream: number | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        stream ??= await verbs.exportStart();
        const chunk = await verbs.exportNext(stream);
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      async cancel() {
        if (stream !== undefined) await verbs.exportCancel(stream);
      },
    },
    { highWaterMark: 0 },
  );
}
