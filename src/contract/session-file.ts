// zod/mini: the launcher bundles this file, starts with every production terminal and must stay small.
import * as z from 'zod/mini';

/**
 * The files in a credential's folder through which the extension and the launcher speak. The folder is private (0700),
 * belongs to one lease and to one launcher, and nothing else carries messages between the two.
 *
 * | file            | written by | when |
 * |-----------------|------------|------|
 * | `shell.json`    | extension  | once, before `session.json` says `open`; the launcher removes it when it has read it |
 * | `session.json`  | extension  | before the terminal is created, then replaced (written beside, renamed) at every change |
 * | `launcher.json` | launcher   | created once, which claims the folder: another launcher started on it opens nothing |
 */
export const sessionFileName = 'session.json';
export const shellFileName = 'shell.json';
export const launcherFileName = 'launcher.json';

const Instant = z.iso.datetime({ offset: false });
const Variables = z.record(z.string().check(z.regex(/^[^=\0]+$/)), z.string().check(z.regex(/^[^\0]*$/)));

/** What the launcher does. Nothing in it is secret: it names files of the folder, never what they hold. */
export const SessionFile = z.object({
  version: z.literal(1),
  /** How the terminal is told from others at a glance; absent: as production. */
  look: z.optional(z.literal('glass broken')),
  /** First lines of the terminal, already in people's words. */
  heading: z.array(z.string()),
  state: z.discriminatedUnion('is', [
    /** Approval is pending: the launcher shows `heading`, again whenever it changes, and waits. */
    z.object({ is: z.literal('waiting') }),
    /**
     * The folder holds a credential: the launcher starts the shell. `expiresAt` is the broker's word and becomes
     * `DAYPASS_EXPIRES_AT`; `deadline` is the same instant on this machine's clock, and may be written anew.
     * `environment` is added last to the shell's environment (`PGSERVICEFILE`, …).
     */
    z.object({
      is: z.literal('open'),
      leaseId: z.uuid(),
      expiresAt: Instant,
      deadline: Instant,
      environment: Variables,
    }),
    /**
     * It is over; `lines` say what happened, the first of them why and when. Sent again with more lines at the end
     * of `lines` once the target has confirmed; lines that stand on the screen are not repeated, and the first is not
     * said where the launcher has said by itself why it ended. After `final` the launcher looks no more.
     */
    z.object({ is: z.literal('over'), lines: z.array(z.string()), final: z.boolean() }),
  ]),
});
export type SessionFile = z.infer<typeof SessionFile>;

/**
 * What the shell is started with. `base` is the extension host's own `process.env` as it was at activation: a terminal's
 * environment is written by the workspace too (`terminal.integrated.env.*`), so the launcher takes nothing from its own.
 * It is the person's environment and may hold secrets of theirs: mode 0600, gone once read.
 */
export const ShellFile = z.object({
  version: z.literal(1),
  /** Absolute path of the person's shell; null: `SHELL` of `base`, then the account's own. Never a workspace's choice. */
  shell: z.nullable(z.string()),
  /** VS Code's `env.appRoot`, whose shell integration scripts are used if they are found; null: none. */
  appRoot: z.nullable(z.string()),
  base: Variables,
});
export type ShellFile = z.infer<typeof ShellFile>;

/** What the launcher tells. It stands until the folder is removed. */
export const LauncherFile = z.object({
  version: z.literal(1),
  /** The launcher's own process. */
  pid: z.int(),
  state: z.discriminatedUnion('is', [
    /** It is there and runs nothing yet. */
    z.object({ is: z.literal('waiting') }),
    /** `shell`: process id of the person's shell. */
    z.object({ is: z.literal('open'), shell: z.int() }),
    /**
     * Nothing of the session runs any more, and the secrets in the folder are removed. `by`: `session` (`session.json`
     * said so), `deadline`, `folder` (it is gone), `terminal` (it was closed), `shell` (it ended: Ctrl+D, `exit`),
     * `refused` (no shell was started; `because` says why, in people's words). `stopped` and `remaining` are names of
     * programs: what was stopped, and what could not be.
     */
    z.object({
      is: z.literal('over'),
      by: z.enum(['session', 'deadline', 'folder', 'terminal', 'shell', 'refused']),
      because: z.optional(z.string()),
      stopped: z.array(z.string()),
      remaining: z.array(z.string()),
    }),
  ]),
});
export type LauncherFile = z.infer<typeof LauncherFile>;

/** Local time of day, `02:44`. */
export function timeOfDay(at: Date): string {
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
}

/** The line that says that a session ended by its clock, the same from extension and launcher so that it stands once. */
export function endedAsPlanned(deadline: Date): string {
  return `Ended at ${timeOfDay(deadline)}, as planned.`;
}
