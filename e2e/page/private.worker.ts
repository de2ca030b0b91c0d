/** A store's worker where the file system is hidden, as Firefox does in private windows. */
import './hidden-files.ts';
import '../../workers/any.ts';
