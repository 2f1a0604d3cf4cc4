// Control characters, line and paragraph separators, and whatever reorders or hides text (Unicode TR36, TR9).
const treacherous =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udfff]/u;

/** Whether a text holds characters that could mislead its reader or a log: control, bidirectional, invisible. */
export function misleads(text: string): boolean {
  return treacherous.test(text);
}
