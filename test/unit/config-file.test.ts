import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { loadConfig, readConfig } from '../../src/broker/config/load.ts';
import { spokenProblem } from '../../src/broker/config/problem.ts';
import { selfMadeCertificates } from '../broker/support/certificates.ts';

const complete = `listen: 127.0.0.1:8443
metrics: 127.0.0.1:9464
public_url: https://access.shop.example/
organisation: { name: Shop, ask: 'Ben Roth or #platform' }
groups: [engineering, payments-leads, auditors]
identity:
  issuer: https://login.shop.example
  clients: [daypass-vscode]
  device_client: daypass-device
audit: { by: [auditors] }
database:
  host: 127.0.0.1
  name: daypass
  tls: { mode: off }
  owner: { user: daypass_owner, password: { file: owner-password } }
  runtime: { user: daypass, password: { env: RUNTIME_PASSWORD } }
targets:
  shop:
    title: Shop
    kind: postgresql
    host: shop-db.internal
    hostaddr: 10.0.3.7
    database: shop
    tls: { certificate_authority: ca.pem }
    login: { user: daypass_broker, password: { env: SHOP_PASSWORD } }
    advertised: { host: shop.example, port: 6432 }
integrity: { keys: [{ env: INTEGRITY_KEY }] }
`;
const environment = {
  RUNTIME_PASSWORD: 'runtime-hush',
  SHOP_PASSWORD: 'shop-hush',
  INTEGRITY_KEY: 'integrity-hush-integrity-hush-32',
};

describe('daypass.yaml', () => {
  let folder: string;
  let file: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-config-'));
    file = join(folder, 'daypass.yaml');
    const made = selfMadeCertificates(['localhost'], ['127.0.0.1']);
    await writeFile(join(folder, 'ca.pem'), made.certificateAuthority);
    await writeFile(join(folder, 'access.crt'), made.certificate);
    await writeFile(join(folder, 'access.key'), made.key);
    await writeFile(join(folder, 'other.key'), selfMadeCertificates(['localhost'], []).key);
    await writeFile(join(folder, 'owner-password'), 'owner-hush\n', { mode: 0o600 });
  });
  after(() => rm(folder, { recursive: true }));

  /** Problems, missing things and warnings of a text, as people read them, without the folder. */
  async function said(text: string): Promise<{ wrong: string[]; missing: string[]; warnings: string[] }> {
    await writeFile(file, text);
    const { problems, missing, warnings } = await readConfig(file, environment);
    const words = (list: typeof problems) =>
      list.map((problem) => spokenProblem(problem, folder).replaceAll(`${folder}/`, ''));
    return { wrong: words(problems), missing: words(missing), warnings: words(warnings) };
  }

  it('gives a replica the encryption of its target unless it has its own', async () => {
    const replicas = `replicas: [{ host: r1.internal, hostaddr: 10.0.3.8 }, { host: r2.internal, port: 6000, tls: { mode: require } }]`;
    await writeFile(file, complete.replace('    advertised:', `    ${replicas}\n    advertised:`));
    const shop = (await loadConfig(file, environment)).targets.get('shop');
    assert.deepEqual(shop?.replicas, [
      { host: 'r1.internal', hostaddr: '10.0.3.8', port: 5432, tls: shop?.tls },
      { host: 'r2.internal', port: 6000, tls: { mode: 'require' } },
    ]);
  });

  it('becomes a complete configuration', async () => {
    await writeFile(file, complete);
    const config = await loadConfig(file, environment);
    assert.deepEqual(config.listen, { host: '127.0.0.1', port: 8443 });
    assert.equal(config.publicUrl, 'https://access.shop.example');
    assert.equal(config.templates, join(folder, 'templates'));
    assert.deepEqual(config.requests, {
      answerWithinSeconds: 12 * 3600,
      activateWithinSeconds: 15 * 60,
      mostOpen: 10,
    });
    assert.equal(config.identity.audience, 'https://access.shop.example');
    assert.equal(config.identity.groupsClaim, 'groups');
    assert.ok(!config.identity.algorithms.some((algorithm) => algorithm.startsWith('HS')));
    assert.ok(config.database.kind === 'server');
    assert.equal(config.database.owner.password.reveal(), 'owner-hush');
    assert.equal(config.database.runtime?.password.reveal(), 'runtime-hush');
    const shop = config.targets.get('shop')!;
    assert.equal(shop.port, 5432);
    assert.equal(shop.tls.mode, 'verify-full');
    assert.match(shop.tls.certificateAuthority ?? '', /BEGIN CERTIFICATE/);
    assert.deepEqual(shop.advertised, { host: 'shop.example', port: 6432 });
    assert.deepEqual(config.warnings, []);
  });

  it('says how another kind of identity provider is asked, and where its tokens have the groups', async () => {
    const more = [
      'groups_claim: [realm_access, roles]',
      'audience_parameter: audience',
      'loopback_ports: [47601]',
      "groups_separator: ','",
    ];
    await writeFile(file, complete.replace('identity:\n', `identity:\n  ${more.join('\n  ')}\n`));
    const { groupsClaim, groupsSeparator, audienceParameter, loopbackPorts } = (
      await loadConfig(file, environment)
    ).identity;
    assert.deepEqual(groupsClaim, ['realm_access', 'roles']);
    assert.deepEqual([audienceParameter, loopbackPorts, groupsSeparator], ['audience', [47601], ',']);
  });

  it('counts calls, and believes no proxy, unless it says otherwise', async () => {
    const read = async (more: string) => {
      await writeFile(file, `${more}\n${complete}`);
      const { limits, trustedProxies } = await loadConfig(file, environment);
      return { limits, trustedProxies };
    };
    const usual = { limits: { person: 1_200, address: 600 }, trustedProxies: [] };
    assert.deepEqual(await read(''), usual);
    assert.deepEqual(await read('limits: {}\ntrusted_proxies: []'), usual);
    assert.deepEqual(await read('limits: { address: 60 }'), {
      ...usual,
      limits: { person: 1_200, address: 60 },
    });
    assert.deepEqual(await read('limits: { person: 10000000, address: 10000000 }'), {
      ...usual,
      limits: { person: 10_000_000, address: 10_000_000 },
    });
    const networks = ['10.0.3.7', '10.0.0.0/8', '::1', 'fd00::/8'];
    assert.deepEqual(await read(`trusted_proxies: ${JSON.stringify(networks)}`), {
      ...usual,
      trustedProxies: networks,
    });
  });

  it('shows its secrets nowhere', async () => {
    await writeFile(file, complete);
    const config = await loadConfig(file, environment);
    const shown =
      inspect(config, { depth: 20 }) + JSON.stringify({ ...config, targets: [...config.targets] });
    assert.doesNotMatch(shown, /hush/);
    assert.match(shown, /\[secret\]/);
  });

  const table: [what: string, from: string, to: string, ...words: string[]][] = [
    [
      'an unknown key',
      'metrics:',
      'metrix:',
      'daypass.yaml:2:1  metrix: there is no such key. Did you mean "metrics"?',
    ],
    [
      'a missing key',
      'public_url: https://access.shop.example/\n',
      '',
      'daypass.yaml:1:1  public_url: is missing. The address that people configure in their editor. For example: public_url: https://access.shop.example',
    ],
    [
      'an address that is none',
      'listen: 127.0.0.1:8443',
      'listen: 8443',
      'daypass.yaml:1:9  listen: should be a text, not a number. Where the broker listens. For example: listen: 127.0.0.1:8443',
    ],
    [
      'a replica that is the target itself, and one that is named twice',
      '    advertised: {',
      '    replicas: [{ host: shop-db.internal }, { host: r.internal }, { host: R.internal, port: 5432 }]\n    advertised: {',
      'daypass.yaml:26:16  targets.shop.replicas: shop-db.internal:5432 is the target itself, or named already.',
      'daypass.yaml:26:66  targets.shop.replicas: r.internal:5432 is the target itself, or named already.',
    ],
    [
      'plain HTTP for everybody',
      'listen: 127.0.0.1:8443',
      'listen: 0.0.0.0:8443',
      'daypass.yaml:1:9  listen: without "tls" everybody between could read along on 0.0.0.0. Add tls: { certificate: file, key: file }, or listen on 127.0.0.1 behind something that encrypts.',
    ],
    [
      'an issuer in clear',
      'issuer: https:',
      'issuer: http:',
      'daypass.yaml:7:11  identity.issuer: should begin with https://. Plain http:// is accepted on this machine (127.0.0.1, localhost) only.',
    ],
    [
      'an algorithm that shares its key',
      'device_client: daypass-device',
      'algorithms: [HS256, none]',
      'daypass.yaml:9:16  identity.algorithms: "HS256" is not possible here. Did you mean "RS256"?',
      'daypass.yaml:9:23  identity.algorithms: "none" is not possible here. Possible: "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519".',
    ],
    [
      'the device client among the others',
      'device_client: daypass-device',
      'device_client: daypass-vscode',
      'daypass.yaml:9:18  identity.device_client: stands among "clients" too. It needs a client id of its own: its tokens cannot decide or revoke.',
    ],
    [
      'pages whose tokens cannot decide',
      'device_client: daypass-device',
      'device_client: daypass-device\n  pages_client: { id: daypass-device }',
      'daypass.yaml:10:23  identity.pages_client.id: is the device client, whose tokens cannot decide. Register a client of its own.',
    ],
    [
      'an audience that is the client of the pages',
      'device_client: daypass-device',
      'audience: daypass-pages\n  pages_client: { id: daypass-pages }',
      'daypass.yaml:9:13  identity.audience: is a client id, so ID tokens would count as access tokens. Give the API a name of its own.',
    ],
    [
      'an audience that is a client',
      'device_client: daypass-device',
      'audience: daypass-vscode',
      'daypass.yaml:9:13  identity.audience: is a client id, so ID tokens would count as access tokens. Give the API a name of its own.',
    ],
    [
      'an e-mail as a person',
      'device_client: daypass-device',
      'person_claim: email',
      'daypass.yaml:9:17  identity.person_claim: "email" can change hands. Name a claim that stays with one person, or leave it out for sub.',
    ],
    [
      'an auditor group that nobody is in',
      'by: [auditors]',
      'by: [auditor]',
      'daypass.yaml:10:15  audit.by: nobody is in "auditor". Did you mean "auditors"?',
    ],
    [
      'a password in the file',
      '{ env: SHOP_PASSWORD }',
      'correct-horse',
      'daypass.yaml:25:46  targets.shop.login.password: secrets are never written here. Name where it is found: { file: /run/secrets/name } or { env: NAME }.',
    ],
    [
      'a secret in two places',
      '{ env: SHOP_PASSWORD }',
      '{ env: SHOP_PASSWORD, file: x }',
      'daypass.yaml:25:46  targets.shop.login.password: should name one place: { file: /run/secrets/name } or { env: NAME }.',
    ],
    [
      'an unknown kind',
      'kind: postgresql',
      'kind: postgres',
      'daypass.yaml:20:11  targets.shop.kind: "postgres" is not possible here. Did you mean "postgresql"?',
    ],
    [
      'a name for a target that nobody could type',
      '  shop:',
      '  Shop DB:',
      'daypass.yaml:19:5  targets.Shop DB: should be called by lower-case words joined by hyphens, like shop-replica.',
    ],
    [
      'a host that is an address',
      'host: shop-db.internal',
      'host: https://shop-db.internal',
      'daypass.yaml:21:11  targets.shop.host: should be one host name or IP address, without a port and without https://.',
    ],
    [
      'a database twice',
      'host: 127.0.0.1',
      'embedded: ./data',
      'daypass.yaml:13:9  database.name: belongs to a server, and "embedded" starts one here. Keep one of the two.',
    ],
    [
      'one role for both',
      'user: daypass,',
      'user: daypass_owner,',
      'daypass.yaml:16:20  database.runtime.user: is the owner. Use a second role, one that owns nothing.',
    ],
    [
      'a wait in another format',
      'targets:',
      'requests: { answer_within: 12h }\ntargets:',
      'daypass.yaml:17:28  requests.answer_within: Write a duration like PT30M or PT1H.',
    ],
    [
      'a wait that never ends',
      'targets:',
      'requests: { activate_within: PT48H }\ntargets:',
      'daypass.yaml:17:30  requests.activate_within: should lie between 1 min (PT1M) and 24 h (PT24H).',
    ],
    [
      'fewer calls than a window makes by itself',
      'targets:',
      'limits: { person: 59 }\ntargets:',
      'daypass.yaml:17:19  limits.person: should be at least 60. Calls a minute of one person, all their windows together.',
    ],
    [
      'more calls than there can be',
      'targets:',
      'limits: { address: 10000001 }\ntargets:',
      'daypass.yaml:17:20  limits.address: should be at most 10000000.',
    ],
    [
      'half a call',
      'targets:',
      'limits: { person: 60.5 }\ntargets:',
      'daypass.yaml:17:19  limits.person: should be a whole number, not 60.5. Calls a minute of one person, all their windows together.',
    ],
    [
      'a limit that is a text',
      'targets:',
      'limits: { person: many }\ntargets:',
      'daypass.yaml:17:19  limits.person: should be a number, not a text. Calls a minute of one person, all their windows together.',
    ],
    [
      'a limit of nothing that is known',
      'targets:',
      'limits: { persons: 100 }\ntargets:',
      'daypass.yaml:17:11  limits.persons: there is no such key. Did you mean "person"?',
    ],
    [
      'limits that are one number',
      'targets:',
      'limits: 100\ntargets:',
      'daypass.yaml:17:9  limits: should be a group of keys, not a number. How much one broker takes. Ending, revoking and withdrawing are let in ten times more often.',
    ],
    [
      'a proxy that is a name',
      'targets:',
      'trusted_proxies: [proxy.internal]\ntargets:',
      'daypass.yaml:17:19  trusted_proxies: should be an IP address or a network, like 10.0.3.7 or 10.0.0.0/8, and not every address.',
    ],
    [
      'a proxy that is everybody',
      'targets:',
      'trusted_proxies:\n  - 10.0.3.7\n  - 0.0.0.0/0\ntargets:',
      'daypass.yaml:19:5  trusted_proxies: should be an IP address or a network, like 10.0.3.7 or 10.0.0.0/8, and not every address.',
    ],
    [
      'a proxy that is everybody by IPv6',
      'targets:',
      'trusted_proxies: ["::/0"]\ntargets:',
      'daypass.yaml:17:19  trusted_proxies: should be an IP address or a network, like 10.0.3.7 or 10.0.0.0/8, and not every address.',
    ],
    [
      'a network larger than there is',
      'targets:',
      'trusted_proxies: [10.0.0.0/33]\ntargets:',
      'daypass.yaml:17:19  trusted_proxies: should be an IP address or a network, like 10.0.3.7 or 10.0.0.0/8, and not every address.',
    ],
    [
      'one proxy outside a list',
      'targets:',
      'trusted_proxies: 10.0.3.7\ntargets:',
      'daypass.yaml:17:18  trusted_proxies: should be a list, not a text. Proxies in front of the broker, whose X-Forwarded-For is believed. Absent: nobody’s is, and every call counts as one of the address that it comes from. For example: trusted_proxies: [10.0.3.7]',
    ],
    [
      'no targets',
      complete.slice(complete.indexOf('  shop:')),
      '  {}\n',
      'daypass.yaml:18:3  targets: names no target. Add at least one.',
    ],
    [
      'a key that stands twice',
      'metrics:',
      'listen:',
      'daypass.yaml:2:1  this key stands here twice. Keep one.',
    ],
    ['a tab', '  issuer:', '\tissuer:', 'daypass.yaml:7:1  a tab is used to indent. Use spaces.'],
    [
      'an alias',
      "ask: 'Ben Roth or #platform'",
      'ask: *name',
      'daypass.yaml:4:34  aliases (*name) are not read here. Write the value out.',
    ],
    [
      'a tag',
      'name: Shop,',
      'name: !!binary U2hvcA==,',
      'daypass.yaml:4:23  tags (!name) are not read here. Write the plain value.',
    ],
  ];
  for (const [what, from, to, ...words] of table)
    it(`says what is wrong with ${what}, where, and what would be right`, async () => {
      assert.ok(complete.includes(from), 'the table changes what is there');
      const { wrong } = await said(complete.replace(from, to));
      for (const line of words) assert.ok(wrong.includes(line), wrong.join('\n'));
    });

  it('tells everything at once, in reading order', async () => {
    const { wrong } = await said(
      complete
        .replace('metrics:', 'metrix:')
        .replace('[daypass-vscode]', '[]')
        .replace('kind: postgresql', 'kind: 5'),
    );
    assert.deepEqual(
      wrong.map((line) => /:(\d+):/.exec(line)?.[1]),
      ['2', '8', '20'],
    );
  });

  it('repeats no secret that was written in the wrong place', async () => {
    const slips = [
      ['{ env: SHOP_PASSWORD }', 'tr0ub4dor'],
      ['{ env: SHOP_PASSWORD }', '{ value: tr0ub4dor }'],
      ['{ env: SHOP_PASSWORD }', '{ env: tr0ub4dor& }'],
      ['{ env: SHOP_PASSWORD }', '[tr0ub4dor]'],
      ['{ env: SHOP_PASSWORD }', '"tr0ub4dor'],
      ['{ env: SHOP_PASSWORD }', 'tr0ub4dor: x: y'],
      ['{ env: SHOP_PASSWORD }', '&tr0ub4dor'],
      ['https://login.', 'https://ana:tr0ub4dor@login.'],
    ] as const;
    for (const [from, to] of slips) {
      const { wrong } = await said(complete.replace(from, to));
      assert.ok(wrong.length > 0, to);
      assert.doesNotMatch(wrong.join('\n'), /tr0ub4dor(?!&)/, to);
    }
  });

  it('holds out against a file made to hurt', async () => {
    const bombs = [
      `a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n`,
      '['.repeat(200_000),
      `${'- '.repeat(100_000)}x`,
      `{a: `.repeat(5_000),
      `__proto__: { listen: x }\n`,
      'x'.repeat(300_000),
      '\0',
      '',
    ];
    for (const bomb of bombs) assert.ok((await said(bomb)).wrong.length > 0, bomb.slice(0, 20));
    assert.equal(Object.hasOwn(Object.prototype, 'listen'), false);
  });

  it('says which secrets and files are not here, apart from what is wrong', async () => {
    const { wrong, missing } = await said(
      complete
        .replace('env: SHOP_PASSWORD', 'env: NOT_SET')
        .replace('ca.pem', 'gone.pem')
        .replace('file: owner-password', 'file: gone'),
    );
    assert.deepEqual(wrong, []);
    assert.deepEqual(missing, [
      'daypass.yaml:15:43  database.owner.password: gone does not exist.',
      'daypass.yaml:24:35  targets.shop.tls.certificate_authority: gone.pem does not exist.',
      'daypass.yaml:25:46  targets.shop.login.password: the environment variable NOT_SET is not set.',
    ]);
    await assert.rejects(loadConfig(file, environment), /NOT_SET is not set/);
  });

  it('warns of what is less safe than it could be', async () => {
    await chmod(join(folder, 'owner-password'), 0o644);
    const { warnings } = await said(
      complete
        .replace(/^ {2}runtime:.*\n/m, '')
        .replace('host: 127.0.0.1', 'host: db.shop.example')
        .replace('{ certificate_authority: ca.pem }', '{ mode: require }'),
    );
    await chmod(join(folder, 'owner-password'), 0o600);
    assert.equal(warnings.length, 4, warnings.join('\n'));
    assert.match(
      warnings.join('\n'),
      /database: one role does everything, so the broker could rewrite its audit log/,
    );
    assert.match(
      warnings.join('\n'),
      /database.tls.mode: the connection to db.shop.example is not encrypted/,
    );
    assert.match(warnings.join('\n'), /targets.shop.tls.mode: the certificate of 10.0.3.7 is not verified/);
    assert.match(
      warnings.join('\n'),
      /other users of this machine can read owner-password. Close it: chmod 600/,
    );
  });

  it('takes a certificate with its own key only', async () => {
    const tls = (certificate: string, key: string) =>
      complete.replace(
        'listen: 127.0.0.1',
        `tls: { certificate: ${certificate}, key: ${key} }\nlisten: 0.0.0.0`,
      );
    assert.deepEqual((await said(tls('access.crt', 'access.key'))).wrong, []);
    assert.deepEqual((await said(tls('access.crt', 'other.key'))).wrong, [
      'daypass.yaml:1:38  tls.key: other.key is the key of another certificate.',
    ]);
    assert.deepEqual((await said(tls('access.key', 'access.key'))).wrong, [
      'daypass.yaml:1:21  tls.certificate: access.key is not a certificate in PEM form.',
    ]);
  });

  it('says that it is not there', async () => {
    const { problems } = await readConfig(join(folder, 'nowhere.yaml'));
    assert.equal(spokenProblem(problems[0]!, folder), 'nowhere.yaml  the configuration does not exist.');
  });
});
