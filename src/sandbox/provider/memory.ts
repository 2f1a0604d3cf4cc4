import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

interface Entry {
  readonly payload: AdapterPayload;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Where the identity provider keeps codes, tokens and interactions: in this process. One store per sandbox, handed to
 * each provider built on it, so that exchanging the signing keys loses nobody's sign-in.
 * @param reuseWithinSeconds a refresh token that was exchanged counts for so long still, for whoever lost the answer
 */
export function memoryStore({ reuseWithinSeconds = 0 } = {}): AdapterFactory {
  const entries = new Map<string, Entry>();

  const live = (key: string): Entry | undefined => {
    const entry = entries.get(key);
    if (entry && entry.expiresAt <= Date.now()) {
      entries.delete(key);
      return undefined;
    }
    return entry;
  };

  const unlessJustConsumed = (payload: AdapterPayload | undefined): AdapterPayload | undefined => {
    const consumed: unknown = payload?.consumed;
    if (payload?.kind !== 'RefreshToken' || typeof consumed !== 'number') return payload;
    const isJustNow = Date.now() / 1000 - consumed < reuseWithinSeconds;
    return isJustNow ? { ...payload, consumed: undefined } : payload;
  };

  return (model): Adapter => {
    const key = (id: string) => `${model}:${id}`;
    const search = (matches: (payload: AdapterPayload) => boolean) => {
      for (const [name, entry] of entries)
        if (name.startsWith(`${model}:`) && entry.expiresAt > Date.now() && matches(entry.payload))
          return entry.payload;
      return undefined;
    };
    return {
      upsert: (id, payload, expiresInSeconds) => {
        const expiresAt = expiresInSeconds === undefined ? Infinity : Date.now() + expiresInSeconds * 1000;
        entries.set(key(id), { payload, expiresAt });
        return Promise.resolve();
      },
      find: (id) => Promise.resolve(unlessJustConsumed(live(key(id))?.payload)),
      findByUid: (uid) => Promise.resolve(search((payload) => payload.uid === uid)),
      findByUserCode: (userCode) => Promise.resolve(search((payload) => payload.userCode === userCode)),
      consume: (id) => {
        const entry = live(key(id));
        if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000);
        return Promise.resolve();
      },
      destroy: (id) => {
        entries.delete(key(id));
        return Promise.resolve();
      },
      revokeByGrantId: (grantId) => {
        for (const [name, entry] of entries) if (entry.payload.grantId === grantId) entries.delete(name);
        return Promise.resolve();
      },
    };
  };
}
