/** A store's worker where the file system is hidden, as Firefox does in private windows. */
import '../../workers/any.ts';

// Early enough: the file system is asked for when the page's first message arrives.
Object.defineProperty(StorageManager.prototype, 'getDirectory', {
  value: () =>
    Promise.reject(new DOMException('Security error when calling GetDirectory', 'SecurityError')),
});
