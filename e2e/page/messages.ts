/** Counts the messages that this page sends to workers, in whatever way, from its first on. */

export const messages = {
  /** All but `pings`. */
  sent: 0,
  /** Questions whether a worker still answers, which come by themselves once a second. */
  pings: 0,
};

interface Sender {
  postMessage(...message: unknown[]): void;
}

for (const sender of [Worker.prototype, MessagePort.prototype] as unknown as Sender[]) {
  const { postMessage } = sender;
  sender.postMessage = function (this: Sender, ...message) {
    const [data] = message;
    const isPing = typeof data === 'object' && data !== null && 'note' in data;
    if (isPing && data.note === 'ping') messages.pings += 1;
    else messages.sent += 1;
    postMessage.apply(this, message);
  };
}
