/** One thing that a scope allows: as the target has it, which tells it from all others, and in words. */
export interface Right {
  readonly term: string;
  readonly words: string;
}

/** Something by which a scope bounds or sets how it is used. Of a number, less is less. */
export interface Limit {
  readonly what: string;
  readonly is: number | string;
}
