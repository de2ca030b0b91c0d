/** To be imported first: files are asked for when the page's first message arrives. */
Object.defineProperty(StorageManager.prototype, 'getDirectory', {
  value: () =>
    Promise.reject(new DOMException('Security error when calling GetDirectory', 'SecurityError')),
});

export {};
