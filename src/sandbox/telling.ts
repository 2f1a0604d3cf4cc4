import { ben, eva, type Person } from './provider/people.ts';

/** How the broker hands mail in. */
export interface MailLogin {
  readonly port: number;
  readonly user: string;
  /** Absolute path. */
  readonly passwordFile: string;
}

/** Who is on call in the shop, and how they are told, as `daypass.yaml` says it: Ben always, and Eva after him. */
export function telling({ port, user, passwordFile }: MailLogin) {
  const always = ({ id, name }: Person) => ({
    zone: 'UTC',
    people: { [name]: { subject: id, email: `${id}@shop.example` } },
    shifts: [{ who: name, from: 'Monday 00:00', until: 'Monday 00:00' }],
  });
  return {
    schedules: { payments: always(ben), 'payments-second': always(eva) },
    channels: {
      mail: {
        kind: 'email',
        from: 'daypass@shop.example',
        server: {
          host: '127.0.0.1',
          port,
          tls: 'off',
          login: { user, password: { file: passwordFile } },
        },
      },
    },
  };
}
