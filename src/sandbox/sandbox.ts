import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Secret } from '../contract/secret.ts';
import { startBroker, type Broker } from './broker.ts';
import { ensureBuilt, sourceCommand } from './build.ts';
import { stateFolder } from './folders.ts';
import { startInbox, type Inbox } from './mail/inbox.ts';
import { freePort } from './ports.ts';
import { silent, type Progress } from './progress.ts';
import { people, type Person } from './provider/people.ts';
import { startProvider, type RunningProvider } from './provider/provider.ts';
import { startShop, type Shop } from './shop/shop.ts';
import { takePlace, type Place } from './state.ts';
import { copyTemplates } from './templates.ts';
import { fetchVsCode } from './vscode/fetch.ts';
import { openDesktop } from './vscode/desktop.ts';
import type { Settings } from './vscode/settings.ts';
import { openWindow, type VsCodeWindow } from './vscode/window.ts';

/** `provider` and `shop` stand alone; `broker` brings both; `vscode` brings a VS Code for Ana and one for Ben. */
export type Part = 'provider' | 'shop' | 'broker' | 'vscode';

export interface SandboxOptions {
  /** What to start, with what it needs; everything unless said. */
  readonly only?: readonly Part[];
  /** Where sandboxes keep what outlives them; the person's own state folder unless said. */
  readonly state?: string;
  /** The same addresses at every start where they are free; otherwise any free ones. */
  readonly stablePorts?: boolean;
  readonly progress?: Progress;
  /** Seconds that an access token is good for. */
  readonly accessTokenTtl?: number;
  readonly refreshTokenTtl?: number;
  /** Told of each token that the provider gives out, so that a test can look for where it ends up. */
  readonly onIssued?: (token: string) => void;
  readonly people?: readonly Person[];
  /** A folder with templates in place of the shop's own. */
  readonly templates?: string;
  /** `built` (dist, made anew if it is old) is what people get; `source` runs the broker from the checkout with tsx. */
  readonly from?: 'built' | 'source';
  /** A packaged extension in place of the one built here; null: none. */
  readonly extension?: string | null;
  /** The VS Code that is installed here, in place of the one in the browser. */
  readonly desktop?: boolean;
  /** The persons who get a VS Code; Ana and Ben unless said. */
  readonly windows?: readonly string[];
  /** More settings for each VS Code, always set. */
  readonly settings?: Settings;
  /** More settings for each VS Code, set where the person has not chosen otherwise. */
  readonly defaults?: Settings;
  /** More environment for each VS Code's processes. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Aborted while it starts, it ends what it began and throws. */
  readonly signal?: AbortSignal;
  /** More flags for VS Code's server. */
  readonly flags?: readonly string[];
}

/** What runs. Parts that were not started are undefined. */
export interface Sandbox {
  readonly people: readonly Person[];
  /** Everything of this start; private, gone after `close`. */
  readonly folder: string;
  readonly provider: RunningProvider;
  readonly shop: Shop | undefined;
  /** `postgres://…` of the shop's superuser, for assertions; never shown. */
  readonly superuser: Secret | undefined;
  readonly broker: Broker | undefined;
  /** By person: `ana`, `ben`. */
  readonly windows: ReadonlyMap<string, VsCodeWindow>;
  readonly addresses: Addresses;
  /** Ends everything and removes what was written. */
  close(): Promise<void>;
}

export interface Addresses {
  readonly vscode?: string;
  readonly approver?: string;
  readonly broker?: string;
  /** What the broker sent by e-mail. */
  readonly mail?: string;
  readonly issuer: string;
  readonly target?: string;
}

/** Starts a sandbox, or the parts of it that a test needs. If something fails, nothing of it stays. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const place = await takePlace(options.state ?? stateFolder());
  const opened: (() => Promise<unknown>)[] = [];
  const close = async () => {
    // The youngest first: each part's own users end before it.
    for (const one of opened.reverse().splice(0)) await one().catch(() => undefined);
    await place.leave();
  };
  try {
    return await start(options, place, opened, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Ports of the first sandbox; the next one's follow ten further. */
const firstPorts = {
  broker: 7420,
  ana: 7421,
  ben: 7422,
  issuer: 7423,
  shop: 7424,
  metrics: 7425,
  others: 7426,
  mail: 7427,
};

async function start(
  options: SandboxOptions,
  place: Place,
  opened: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<Sandbox> {
  const progress = options.progress ?? silent;
  const wanted = new Set(options.only ?? ['vscode']);
  const withWindows = wanted.has('vscode');
  const withBroker = withWindows || wanted.has('broker');
  const withShop = withBroker || wanted.has('shop');
  const stable = options.stablePorts ?? false;
  const port = (name: keyof typeof firstPorts) =>
    freePort(stable ? firstPorts[name] + 10 * (place.number - 1) : 0);
  const fromSource = options.from === 'source';

  const building =
    (withBroker && !fromSource) || (withWindows && options.extension === undefined)
      ? ensureBuilt(progress, options.signal)
      : undefined;
  const fetching =
    withWindows && !options.desktop ? fetchVsCode(progress, { signal: options.signal }) : undefined;
  building?.catch(() => undefined);
  fetching?.catch(() => undefined);

  const ports = { broker: await port('broker'), metrics: await port('metrics'), shop: await port('shop') };
  const brokerUrl = `http://127.0.0.1:${ports.broker}`;
  const step = progress.begin('Five people and a sign-in');
  const pagesSecret = randomBytes(24).toString('base64url');
  const provider = await startProvider({
    port: await port('issuer'),
    resource: brokerUrl,
    pagesSecret,
    people: options.people ?? people,
    runbooks: join(import.meta.dirname, 'runbooks'),
    onIssued: options.onIssued,
    ...(options.accessTokenTtl === undefined ? {} : { accessTokenTtl: options.accessTokenTtl }),
    ...(options.refreshTokenTtl === undefined ? {} : { refreshTokenTtl: options.refreshTokenTtl }),
  });
  opened.push(() => provider.close());
  step.done();

  const shop = withShop ? await openShop() : undefined;
  const inbox = withBroker ? await openInbox() : undefined;
  const broker = shop && inbox ? await openBroker(shop, inbox) : undefined;
  const windows = withWindows ? await openWindows() : new Map<string, VsCodeWindow>();

  options.signal?.throwIfAborted();
  return {
    people: provider.people,
    folder: place.folder,
    provider,
    shop,
    superuser: shop?.superuser,
    broker,
    windows,
    addresses: {
      ...addressOf('vscode', windows.get('ana')?.url),
      ...addressOf('approver', windows.get('ben')?.url),
      ...addressOf('broker', broker?.url),
      ...addressOf('mail', inbox?.url),
      issuer: provider.issuer,
      ...addressOf('target', shop && `postgres://${shop.host}:${shop.port}/${shop.database}`),
    },
    close,
  };

  async function openShop(): Promise<Shop> {
    options.signal?.throwIfAborted();
    const begun = progress.begin('A shop’s production database');
    const made = await startShop({
      folder: join(place.folder, 'shop'),
      port: ports.shop,
      environment: place.mark,
    });
    opened.push(() => made.stop());
    await place.record(made.server.pid);
    begun.done();
    return made;
  }

  async function openInbox(): Promise<Inbox> {
    const made = await startInbox({ port: await port('mail'), people: provider.people, broker: brokerUrl });
    opened.push(() => made.close());
    return made;
  }

  async function openBroker(shop: Shop, inbox: Inbox): Promise<Broker> {
    const command = fromSource
      ? sourceCommand()
      : ([process.execPath, (await building)?.command ?? ''] as const);
    const begun = progress.begin('The broker');
    const templates = join(place.folder, 'templates');
    await copyTemplates(
      options.templates ?? join(import.meta.dirname, 'templates'),
      templates,
      provider.issuer,
    );
    const made = await startBroker({
      folder: join(place.folder, 'broker'),
      port: ports.broker,
      metricsPort: ports.metrics,
      issuer: provider.issuer,
      pagesSecret,
      shop,
      mail: inbox.server,
      templates,
      command,
      environment: { ...process.env, ...place.mark },
    });
    opened.push(() => made.stop());
    await place.record(made.child.pid);
    begun.done();
    return made;
  }

  async function openWindows(): Promise<Map<string, VsCodeWindow>> {
    const files = await fetching;
    const extension =
      options.extension === undefined ? (await building)?.extension : (options.extension ?? undefined);
    const ids = options.windows ?? ['ana', 'ben'];
    options.signal?.throwIfAborted();
    const begun = progress.begin(`VS Code for ${ids.length} ${ids.length === 1 ? 'person' : 'people'}`);
    const made = await Promise.allSettled(
      ids.map(async (id) => {
        const theirs = {
          place,
          id,
          firstName: provider.people.find((person) => person.id === id)?.name.split(' ')[0] ?? id,
          broker: broker?.url,
          extension,
          settings: options.settings,
          defaults: options.defaults,
          environment: options.environment,
        };
        const window = files
          ? await openWindow({
              ...theirs,
              files,
              port: await port(id === 'ana' || id === 'ben' ? id : 'others'),
              issuerPort: provider.port,
              flags: options.flags,
            })
          : await openDesktop(theirs);
        opened.push(() => window.close());
        return [id, window] as const;
      }),
    );
    const failed = made.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
    begun.done();
    return new Map(made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
  }
}

function addressOf<Name extends string>(
  name: Name,
  address: string | undefined,
): Partial<Record<Name, string>> {
  return address === undefined ? {} : ({ [name]: address } as Partial<Record<Name, string>>);
}
