/** Counts the messages that this page sends to workers, in whatever way, from its first on. */

export const messages = {
  /** All but questions whether a worker still answers, which come by themselves once a second. */
  sent: 0,
};

interface Sender {
  postMessage(...message: unknown[]): void;
}

for (const sender of [Worker.prototype, MessagePort.prototype] as unknown as Sender[]) {
  const { postMessage } = sender;
  sender.postMessage = function (this: Sender, ...message) {
    const [data] = message;
    const isNote = typeof data === 'object' && data !== null && 'note' in data;
    const isPing = isNote && data.note === 'ping';
    if (!isPing) messages.sent += 1;
    postMessage.apply(this, message);
  };
}
