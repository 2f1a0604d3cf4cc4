/** What signing in needs from the window around it. VS Code's side is in `vscode-editor.ts`; tests have their own. */
export interface Editor {
  readonly window: { readonly node: boolean; readonly ui: 'desktop' | 'web'; readonly remote: boolean };
  /** The address under which a browser reaches `listening`, as well as VS Code knows; undefined if there is none. */
  reach(listening: URL): Promise<URL | undefined>;
  /** Opens a page in the person's browser. @returns whether the person let it */
  open(page: URL): Promise<boolean>;
  /**
   * Shows that something is awaited, with Cancel. `other`, if given, is offered once `work` has taken a while.
   * @returns what `work` returns; `'cancelled'` or `'other'` as soon as the person says so, with `signal` aborted
   */
  wait<T>(
    message: string,
    work: (signal: AbortSignal) => Promise<T>,
    other?: string,
  ): Promise<T | 'cancelled' | 'other'>;
  /** Shows a device code, to be copied. @returns whether the person wants to go on */
  showCode(code: string, page: URL): Promise<boolean>;
  /** Says what went wrong, with things to do about it. @returns the one that was chosen */
  say(message: string, ...actions: readonly string[]): Promise<string | undefined>;
  /** Says something that is no trouble. @returns the action that was chosen */
  tell(message: string, ...actions: readonly string[]): Promise<string | undefined>;
  /** Asks for the broker's address until one is good, and stores it. @returns whether there is one now */
  connect(): Promise<boolean>;
}
