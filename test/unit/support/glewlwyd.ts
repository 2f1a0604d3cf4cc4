import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { freePort } from '../../broker/support/postgres.ts';
import { find } from '../../prerequisites.ts';

export interface Glewlwyd {
  readonly issuer: string;
  /** Does what a person with a browser does on its pages. @returns the last page's text */
  browse(page: URL): Promise<string>;
  close(): Promise<void>;
}

/** Whether Debian's package `glewlwyd` is here. */
export const isThere = (): boolean => find(['glewlwyd']) !== undefined;

const password = randomBytes(12).toString('hex');
/** Its tables as its package brings them, and people who can be in several groups. */
const makeDatabase = `
import gzip, json, sqlite3, sys
db = sqlite3.connect(sys.argv[2])
db.executescript(gzip.open(sys.argv[1], 'rt').read())
(text,) = db.execute('SELECT gumi_parameters FROM g_user_module_instance').fetchone()
module = json.loads(text)
module['data-format']['groups'] = {'multiple': True, 'read': True, 'write': True}
db.execute('UPDATE g_user_module_instance SET gumi_parameters = ?', (json.dumps(module),))
db.commit()
`;
const schema = '/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz';

/** A real OpenID Connect provider that is not ours, with one person and the two clients of Daypass. */
export async function startGlewlwyd(options: {
  readonly resource: string;
  readonly redirectUris: readonly string[];
}): Promise<Glewlwyd> {
  const folder = await mkdtemp(join(tmpdir(), 'daypass-glewlwyd-'));
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  execFileSync('python3', ['-c', makeDatabase, schema, join(folder, 'state.db')]);
  await writeFile(join(folder, 'glewlwyd.conf'), configuration(port, folder));
  const child = spawn('glewlwyd', [`--config-file=${join(folder, 'glewlwyd.conf')}`], { stdio: 'pipe' });
  const gone = once(child, 'exit');
  let said = '';
  const started = new Promise<void>((resolve, reject) => {
    const hear = (data: Buffer) => {
      said += data.toString();
      if (said.includes('Glewlwyd started')) resolve();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('exit', () => reject(new Error(`Glewlwyd did not start: ${said}`)));
  });
  const close = async () => {
    child.kill();
    await gone;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await started;
    await listening(origin);
    await setUp(origin, options);
  } catch (error) {
    await close();
    throw error;
  }
  return { issuer: `${origin}/api/oidc`, browse: (page) => browse(origin, page), close };
}

/** It says that it has started a moment before it listens. */
async function listening(origin: string): Promise<void> {
  for (let look = 1; ; look++)
    try {
      await fetch(`${origin}/config`);
      return;
    } catch (error) {
      if (look === 100) throw error;
      await delay(50);
    }
}

function configuration(port: number, folder: string): string {
  const modules = '/usr/lib/glewlwyd';
  return `port=${port}
bind_address="127.0.0.1"
external_url="http://localhost:${port}"
login_url="login.html"
api_prefix="api"
static_files_path="/usr/share/glewlwyd/webapp/"
log_mode="console"
log_level="INFO"
cookie_domain="localhost"
cookie_secure=0
cookie_same_site="lax"
session_expiration=3600
session_key="GLEWLWYD2_SESSION_ID"
admin_session_authentication="cookie"
profile_session_authentication="cookie"
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="${modules}/user"
user_middleware_module_path="${modules}/user_middleware"
client_module_path="${modules}/client"
user_auth_scheme_module_path="${modules}/scheme"
plugin_module_path="${modules}/plugin"
use_secure_connection=false
secure_connection_key_file="none"
secure_connection_pem_file="none"
secure_connection_ca_file="none"
hash_algorithm="SHA512"
database = { type = "sqlite3"; path = "${join(folder, 'state.db')}"; };
`;
}

/** What somebody would click together on its pages for administrators. */
async function setUp(
  origin: string,
  { resource, redirectUris }: { readonly resource: string; readonly redirectUris: readonly string[] },
): Promise<void> {
  const admin = new Browser();
  const call = async (method: string, path: string, body: unknown): Promise<void> => {
    const { status, text } = await admin.ask(`${origin}/api${path}`, method, body);
    if (status !== 200) throw new Error(`${method} ${path}: ${status} ${text}`);
  };
  await call('POST', '/auth/', { username: 'admin', password: 'password' });
  await call('POST', '/scope/', {
    name: 'daypass',
    display_name: 'Daypass',
    description: 'Ask for access',
    password_required: true,
    password_max_age: 0,
    scheme: {},
  });
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await call('POST', '/mod/plugin/', {
    module: 'oidc',
    name: 'oidc',
    display_name: 'OpenID Connect',
    enabled: true,
    parameters: {
      iss: `${origin}/api/oidc`,
      'jwt-type': 'ecdsa',
      'jwt-key-size': '256',
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: publicKey.export({ type: 'spki', format: 'pem' }),
      'access-token-duration': 300,
      'refresh-token-duration': 3600,
      'code-duration': 60,
      'refresh-token-rolling': true,
      'refresh-token-one-use': 'always',
      'allow-non-oidc': false,
      'auth-type-code-enabled': true,
      'auth-type-code-revoke-replayed': true,
      'auth-type-token-enabled': false,
      'auth-type-id-token-enabled': true,
      'auth-type-none-enabled': false,
      'auth-type-password-enabled': false,
      'auth-type-client-enabled': false,
      'auth-type-device-enabled': true,
      'auth-type-refresh-enabled': true,
      'device-authorization-expiration': 600,
      'device-authorization-interval': 1,
      'jwks-show': true,
      'pkce-allowed': true,
      'pkce-method-plain-allowed': false,
      'pkce-required': true,
      'oauth-as-iss-id': true,
      'introspection-revocation-allowed': true,
      'introspection-revocation-allow-target-client': true,
      'session-management-allowed': true,
      'session-cookie-name': 'GLEWLWYD2_OIDC_SID',
      'session-cookie-expiration': 3600,
      'subject-type': 'public',
      'resource-allowed': true,
      'resource-scope': { daypass: [resource] },
      'name-claim': 'on-demand',
      'additional-parameters': [
        { 'user-parameter': 'groups', 'token-parameter': 'groups' },
        { 'user-parameter': 'name', 'token-parameter': 'name' },
      ],
    },
  });
  await call('POST', '/user/', {
    username: 'ana',
    name: 'Ana Lima',
    password,
    enabled: true,
    scope: ['openid', 'daypass'],
    groups: ['engineering', 'oncall'],
  });
  const client = { confidential: false, enabled: true, scope: [], token_endpoint_auth_method: ['none'] };
  await call('POST', '/client/', {
    ...client,
    client_id: 'daypass-vscode',
    name: 'Daypass in VS Code',
    redirect_uri: redirectUris,
    authorization_type: ['code', 'refresh_token'],
  });
  await call('POST', '/client/', {
    ...client,
    client_id: 'daypass-device',
    name: 'Daypass in a remote VS Code',
    redirect_uri: [],
    authorization_type: ['device_authorization', 'refresh_token'],
  });
}

/** Its own login page is a program that calls its API; this does the same. */
async function browse(origin: string, page: URL): Promise<string> {
  const browser = new Browser();
  const answer = await browser.ask(page.href, 'GET');
  let next = answer.location;
  if (next === undefined) throw new Error(`No page to sign in at: ${answer.status} ${answer.text}`);
  const sign = await browser.ask(`${origin}/api/auth/`, 'POST', { username: 'ana', password });
  if (sign.status !== 200) throw new Error(`Nobody was signed in: ${sign.status}`);
  for (const client of ['daypass-vscode', 'daypass-device'])
    await browser.ask(`${origin}/api/auth/grant/${client}`, 'PUT', { scope: 'openid daypass' });
  for (let hops = 0; hops < 6; hops++) {
    const login = new URL(next, origin);
    const callback: string = login.searchParams.get('callback_url') ?? next;
    const to: string = login.searchParams.has('callback_url') ? `${callback}&g_continue` : callback;
    const { location, text } = await browser.ask(new URL(to, origin).href, 'GET');
    if (location === undefined || location.includes('prompt=deviceComplete')) return text;
    next = location;
  }
  throw new Error(`It redirects in circles: ${next}`);
}

class Browser {
  readonly #cookies = new Map<string, string>();

  async ask(address: string, method: string, body?: unknown) {
    const response = await fetch(address, {
      method,
      redirect: 'manual',
      headers: {
        cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.#cookies.set(name, value);
    }
    const location = response.headers.get('location') ?? undefined;
    return { status: response.status, text: await response.text(), location };
  }
}
