import { privileges as before } from './001-begin.ts';

/** What a template demands beyond one approval, as it was when the request was made; who approved as a member of what. */
export const sql = `
alter table request add column demands jsonb;
alter table decision add column groups text[] not null default '{}';
`;

export const privileges = before;
