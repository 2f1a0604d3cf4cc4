/** HTML that is safe to send: made by `markup`, which escapes whatever comes from elsewhere. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | string | number | undefined | false | readonly Part[];

/** HTML with its values escaped, also inside quoted attributes; lists are joined, `undefined` and `false` are nothing. */
export function markup(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Html(strings.reduce((text, part, at) => text + written(values[at - 1]) + part));
}

function written(part: Part): string {
  if (part instanceof Html) return part.text;
  if (part === undefined || part === false) return '';
  if (typeof part === 'object') return part.map(written).join('');
  return String(part).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}
