import type { Sandbox } from './sandbox.ts';

/** What to open and what to try, in seven lines. */
export function screen({ addresses }: Pick<Sandbox, 'addresses'>, styled: boolean): string {
  const bold = (text: string) => (styled ? `\x1b[1m${text}\x1b[22m` : text);
  const soft = (text: string) => (styled ? `\x1b[2m${text}\x1b[22m` : text);
  const lines = [
    `${bold('Ana, engineer')}  ${addresses.vscode ?? 'her VS Code is open'}`,
    `${bold('Ben, lead')}      ${addresses.approver ?? 'his VS Code is open'}`,
    `${bold('Try as Ana')}     F1, “Request Production Access”, then “Read orders”. Sign in as Ana. In the terminal: psql`,
    `${bold('Then as Ben')}    Let Ana ask for “Fix one order's status” (ticket INC-2231), and approve it in Ben’s window`,
    `${bold('Or on a phone')}  ${addresses.broker ?? ''}/requests shows Ben the same, in any browser of this machine`,
    `${bold('Who is told')}    Ben is on call, Eva after him: their mail is at ${addresses.mail ?? ''}`,
    soft(`Ctrl+C ends it all. The broker: ${addresses.broker ?? ''}  The sign-in: ${addresses.issuer}`),
  ];
  return `\n${lines.map((line) => `  ${line}`).join('\n')}\n\n`;
}
