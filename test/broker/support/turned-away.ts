import type pg from 'pg';

/** For `assert.rejects`: the server lets this login in no more, and there is no other reason (SQLSTATE, class 28). */
export const turnedAway = { code: /^28(000|P01)$/ };

/** Whether the server has ended this session, as its client sees it. */
export const isClosed = ({ connection }: pg.Client): boolean => connection.stream.closed;
