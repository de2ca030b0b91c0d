/**
 * The project's own documents, turned into pages: a link from a panel of the demo goes to the very section that
 * explains it, on any static host. An address is `docs.html#architecture/life-of-a-write`.
 */
import { Marked, type Tokens } from 'marked';

export const DOCUMENT_NAMES = ['readme', 'architecture', 'format', 'testing'] as const;
export type DocumentName = (typeof DOCUMENT_NAMES)[number];

export interface DocumentPlace {
  readonly document: DocumentName;
  /** A heading's id, or empty for the document's start. */
  readonly section: string;
}

/** What an address's fragment means; the README when it means nothing. */
export function placeOf(fragment: string): DocumentPlace {
  const [name = '', section = ''] = fragment.replace(/^#/, '').split('/');
  const document = DOCUMENT_NAMES.find((known) => known === name);
  return document === undefined ? { document: 'readme', section: '' } : { document, section };
}

/** A heading as an id: `Life of a write` is `life-of-a-write`. */
export function idOf(heading: string): string {
  const words = heading.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return words.join('-');
}

/**
 * As HTML, every heading with an id. The documents are our own, so their HTML is trusted.
 *
 * @param pictureAt where a picture is that a document names by its path in the source.
 */
export function renderDocument(
  name: DocumentName,
  markdown: string,
  pictureAt: (path: string) => string,
): string {
  const marked = new Marked({
    walkTokens(token) {
      if (token.type === 'image') token.href = pictureAt(token.href);
    },
    renderer: {
      heading({ tokens, depth, text }: Tokens.Heading): string {
        return `<h${depth} id="${name}/${idOf(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
    },
  });
  const html = marked.parse(markdown, { async: false });
  return html
    .replaceAll('<table>', '<div class="table"><table>')
    .replaceAll('</table>', '</table></div>');
}
