/** The parts of a message as a mail program shows them: headers in one line each, texts decoded. As much of MIME as the broker writes. */
export function readMail(raw: string): {
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  readonly html: string;
} {
  const part = (one: string) => {
    const at = one.indexOf('\r\n\r\n');
    const headers = new Map(
      one
        .slice(0, at)
        .replace(/\r\n[ \t]+/g, ' ')
        .split('\r\n')
        .map((line): [string, string] => [
          line.slice(0, line.indexOf(':')).toLowerCase(),
          decodedWords(line.slice(line.indexOf(':') + 1).trim()),
        ]),
    );
    return { headers, body: one.slice(at + 4) };
  };
  const { headers, body } = part(raw);
  const boundary = /boundary="([^"]+)"/.exec(headers.get('content-type') ?? '')?.[1] ?? '';
  const parts = body
    .split(`--${boundary}`)
    .map((one) => part(one.replace(/^\r\n/, '')))
    .filter((one) => one.headers.has('content-type'));
  const decoded = (type: string) => {
    const found = parts.find((one) => one.headers.get('content-type')?.startsWith(type));
    if (!found) return '';
    const encoding = found.headers.get('content-transfer-encoding') ?? '7bit';
    if (encoding === 'base64') return Buffer.from(found.body, 'base64').toString();
    return encoding === 'quoted-printable' ? fromQuoted(found.body.replace(/=\r\n/g, '')) : found.body;
  };
  return { headers, text: decoded('text/plain'), html: decoded('text/html') };
}

/** RFC 2047. */
function decodedWords(text: string): string {
  return text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_all, how: string, coded: string) =>
      how.toLowerCase() === 'b'
        ? Buffer.from(coded, 'base64').toString()
        : fromQuoted(coded.replace(/_/g, ' ')),
    );
}

function fromQuoted(text: string): string {
  const bytes = text.replace(/=([0-9A-F]{2})/gi, (_all, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}
