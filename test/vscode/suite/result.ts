/** What came of one test inside VS Code. */
export interface Result {
  readonly title: string;
  /** null: it passed. */
  readonly error: string | null;
}
