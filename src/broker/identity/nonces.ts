import type { Macs } from '../integrity/macs.ts';

/** What a proof contains in place of a clock that is right (RFC 9449 section 9), the same at every broker that has the key. */
export interface Nonces {
  /** One that was made now. */
  make(): string;
  /** When it was made, in seconds since 1970; undefined where it is none of ours. */
  madeAt(nonce: string): number | undefined;
}

/** Nothing is kept: a nonce is the second in which it was made, and a mac that says that it was one of us who made it. */
export function noncesWith(macs: Pick<Macs, 'of' | 'holds'>, now: () => Date): Nonces {
  return {
    make() {
      const at = Math.floor(now().getTime() / 1000);
      return `${at}.${macs.of('proof nonce', { at })}`;
    },
    madeAt(nonce) {
      const [, seconds = '', mac = ''] = /^(\d{1,12})\.(.+)$/.exec(nonce) ?? [];
      const at = Number(seconds);
      return macs.holds('proof nonce', { at }, mac) ? at : undefined;
    },
  };
}
