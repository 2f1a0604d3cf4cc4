/** One test of the suite, as the extension host tells of it. */
export interface Told {
  readonly title: string;
  readonly state: 'passed' | 'failed' | 'pending';
  readonly error?: string;
}

/** Before each line that the suite tells to whoever started the extension host. */
export const toldMark = '@@daypass-test ';
