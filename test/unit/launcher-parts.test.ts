import assert from 'node:assert/strict';
import { Deadline } from '../../src/launcher/deadline.ts';
import { endOf, withStopped, type Seen } from '../../src/launcher/ending.ts';
import { intruders, shellEnvironment } from '../../src/launcher/environment.ts';
import { parsePs, parseStat, type Process } from '../../src/launcher/processes.ts';
import { afterwards } from '../../src/launcher/screen.ts';
import { shellCommand } from '../../src/launcher/shell.ts';
import { startedHere } from '../../src/launcher/stop.ts';

describe('launcher: what it writes', () => {
  const plain = (text: string) => text.replaceAll('\x1b[0;41m \x1b[0m', '|').split('\r\n');

  it('breaks a long line between words, with the bar beside each part, and a long word where it must', () => {
    assert.deepEqual(plain(afterwards(['No new login after 02:44.', 'ok'], 14)), [
      '| No new login',
      '| after 02:44.',
      '| ok',
      '',
    ]);
    assert.deepEqual(plain(afterwards(['a 🙂🙂🙂🙂🙂'], 5)), ['| a', '| 🙂🙂🙂', '| 🙂🙂', '']);
  });

  it('is not broken for the few columns that a terminal has before its panel is laid out', () => {
    const { columns } = process.stdout;
    try {
      for (const [few, parts] of [
        [10, ['| psql is ready: just type psql', '']],
        [20, ['| psql is ready:', '| just type psql', '']],
      ] as const) {
        process.stdout.columns = few;
        assert.deepEqual(plain(afterwards(['psql is ready: just type psql'])), parts);
      }
    } finally {
      process.stdout.columns = columns;
    }
  });
});

describe('launcher: how a shell is started', () => {
  const scripts = '/code/out/vs/workbench/contrib/terminal/common/scripts';
  const injected = { VSCODE_INJECTION: '1' };
  const stable = { ...injected, VSCODE_STABLE: '1' };
  const zsh = { ...injected, ZDOTDIR: '/lease/zsh', USER_ZDOTDIR: '/home/ana' };
  const rows: [string, NodeJS.Platform, boolean, readonly string[], Record<string, string>][] = [
    ['/bin/bash', 'linux', true, ['--init-file', `${scripts}/shellIntegration-bash.sh`], stable],
    [
      '/bin/bash',
      'darwin',
      true,
      ['--init-file', `${scripts}/shellIntegration-bash.sh`],
      { ...stable, VSCODE_SHELL_LOGIN: '1' },
    ],
    ['/bin/bash', 'linux', false, [], {}],
    ['/bin/bash', 'darwin', false, ['-l'], {}],
    ['/bin/zsh', 'linux', true, ['-i'], zsh],
    ['/bin/zsh', 'darwin', true, ['-il'], zsh],
    ['/bin/zsh', 'linux', false, ['-i'], {}],
    [
      '/usr/bin/fish',
      'linux',
      true,
      ['--init-command', `source '${scripts}/shellIntegration.fish'`],
      injected,
    ],
    [
      '/usr/bin/fish',
      'darwin',
      true,
      ['-l', '--init-command', `source '${scripts}/shellIntegration.fish'`],
      injected,
    ],
    ['/usr/bin/fish', 'linux', false, [], {}],
    ['/bin/sh', 'linux', true, [], {}],
    ['/bin/dash', 'linux', true, [], {}],
    ['/bin/ksh', 'darwin', true, ['-l'], {}],
    [
      '/usr/bin/pwsh',
      'linux',
      true,
      ['-noexit', '-command', `try { . '${scripts}/shellIntegration.ps1' } catch {}`],
      stable,
    ],
    ['/usr/bin/pwsh', 'linux', false, [], {}],
  ];
  for (const [shell, platform, integrated, args, environment] of rows)
    it(`${shell} on ${platform}${integrated ? '' : ', without scripts'}`, () => {
      const command = shellCommand({
        shell,
        platform,
        appRoot: '/code',
        startUpFolder: '/lease/zsh',
        zdotdir: '/home/ana',
        exists: () => integrated,
      });
      assert.equal(command.file, shell);
      assert.deepEqual(command.args, args);
      assert.deepEqual(command.environment, environment);
      const files = integrated && shell.endsWith('zsh') ? ['.zlogin', '.zprofile', '.zshenv', '.zshrc'] : [];
      assert.deepEqual(Object.keys(command.startUpFiles).sort(), files);
    });

  it('cmd and PowerShell on Windows', () => {
    const windows = {
      platform: 'win32' as const,
      appRoot: 'C:\\code',
      startUpFolder: '',
      zdotdir: '',
      exists: () => true,
    };
    assert.deepEqual(shellCommand({ ...windows, shell: 'C:\\Windows\\System32\\cmd.exe' }).args, []);
    const { args } = shellCommand({ ...windows, shell: 'C:\\Program Files\\PowerShell\\7\\pwsh.exe' });
    assert.deepEqual(args.slice(0, 2), ['-noexit', '-command']);
    assert.match(args[2] ?? '', /scripts\\shellIntegration\.ps1/);
  });

  it('a quote in a path does not end the command', () => {
    const command = shellCommand({
      shell: '/usr/bin/fish',
      platform: 'linux',
      appRoot: "/it's",
      startUpFolder: '',
      zdotdir: '',
      exists: () => true,
    });
    assert.match(command.args[1] ?? '', /^source '\/it\\'s\/[^']*'$/);
  });
});

describe('launcher: the environment of the shell', () => {
  it("is the person's own, without what VS Code and libpq add to it, and with the credential's", () => {
    const base = {
      PATH: '/bin',
      LD_LIBRARY_PATH: '/own',
      PGHOST: 'x',
      PGSSLMODE: 'disable',
      PSQLRC: 'x',
      PSQL_PAGER: 'less',
      DAYPASS_SESSION: 'another',
      ELECTRON_RUN_AS_NODE: '1',
      VSCODE_PID: '1',
      VSCODE_IPC_HOOK_CLI: '/run/ipc',
      SNAP: 'x',
      SNAPPY: 'own',
      TERM_PROGRAM_VERSION: 'old',
    };
    const workspace = {
      PATH: '/evil',
      TERM: 'evil',
      LANG: 'de_DE.UTF-8',
      TERM_PROGRAM_VERSION: '1.139.1',
      EVIL: 'yes',
    };
    assert.deepEqual(shellEnvironment(base, workspace, { PGSERVICE: 'daypass', DAYPASS_SESSION: 'lease' }), {
      PATH: '/bin',
      LD_LIBRARY_PATH: '/own',
      PSQL_PAGER: 'less',
      SNAPPY: 'own',
      VSCODE_IPC_HOOK_CLI: '/run/ipc',
      TERM: 'xterm-256color',
      COLORTERM: 'truecolor',
      TERM_PROGRAM: 'vscode',
      TERM_PROGRAM_VERSION: '1.139.1',
      LANG: 'de_DE.UTF-8',
      PGSERVICE: 'daypass',
      DAYPASS_SESSION: 'lease',
    });
  });

  it('takes no locale and no version that is none', () => {
    const evil = { LANG: '$(touch /tmp/x)', TERM_PROGRAM_VERSION: '1;2' };
    const environment = shellEnvironment({ LANG: '' }, evil, {});
    assert.equal(environment['LANG'], '');
    assert.equal(environment['TERM_PROGRAM_VERSION'], undefined);
    assert.equal(shellEnvironment({ LANG: 'C' }, { LANG: 'de_DE' }, {})['LANG'], 'C');
  });

  const bootloader = '/home/ana/.vscode-server/data/User/workspaceStorage/1/ms-vscode.js-debug/bootloader.js';
  const rows: [string, Record<string, string>, Record<string, string>, string[]][] = [
    ['nothing', {}, {}, []],
    ['a preload', {}, { LD_PRELOAD: '/evil.so' }, ['LD_PRELOAD']],
    ["the person's own preload", { LD_PRELOAD: '/own.so' }, { LD_PRELOAD: '/own.so' }, []],
    ["another than the person's own", { LD_PRELOAD: '/own.so' }, { LD_PRELOAD: '/evil.so' }, ['LD_PRELOAD']],
    ['one that was taken away', { LD_PRELOAD: '/own.so' }, {}, []],
    ['options of Node', {}, { NODE_OPTIONS: '--require ./evil.js' }, ['NODE_OPTIONS']],
    [
      'options of Node, otherwise put',
      {},
      { NODE_OPTIONS: '--no-warnings --import=./evil.mjs' },
      ['NODE_OPTIONS'],
    ],
    ['harmless options of Node', {}, { NODE_OPTIONS: '--max-old-space-size=8192' }, []],
    ["VS Code's auto attach", {}, { NODE_OPTIONS: ` --require ${bootloader} ` }, []],
    [
      'auto attach, and more',
      {},
      { NODE_OPTIONS: `--require ${bootloader} --require ./evil.js` },
      ['NODE_OPTIONS'],
    ],
    ['macOS', {}, { DYLD_INSERT_LIBRARIES: '/evil' }, ['DYLD_INSERT_LIBRARIES']],
  ];
  for (const [what, base, inherited, expected] of rows)
    it(`finds code that was put into the launcher: ${what}`, () =>
      assert.deepEqual(intruders(base, inherited), expected));
});

describe('launcher: which processes were started in the terminal', () => {
  const process = (pid: number, parent: number, more: Partial<Process> = {}): Process => ({
    pid,
    parent,
    session: 1,
    name: `p${pid}`,
    zombie: false,
    marked: false,
    attached: false,
    ...more,
  });
  const host = process(50, 1);
  const launcher = process(100, 50, { session: 100 });
  const shell = process(101, 100, { session: 100 });
  const here = (...table: Process[]): number[] =>
    startedHere([process(1, 0), host, launcher, shell, ...table], { launcher: 100, shell: 101 }).map(
      ({ pid }) => pid,
    );

  const rows: [string, Process[], number[]][] = [
    ['the shell alone', [], [101]],
    ['its children, whatever their session', [process(102, 101), process(103, 102)], [101, 102, 103]],
    ['what lost its parent, by the session', [process(102, 1, { session: 100 })], [101, 102]],
    ['what left the session, by the mark', [process(102, 1, { marked: true })], [101, 102]],
    ['what left both but still writes here', [process(102, 1, { attached: true })], [101, 102]],
    ['descendants of what is found', [process(103, 102), process(102, 1, { marked: true })], [101, 103, 102]],
    ["the launcher's errands never", [process(102, 100, { session: 100 })], [101]],
    ["the launcher's relatives never", [process(51, 50), process(60, 1)], [101]],
    ['nothing dead', [process(102, 101, { zombie: true })], [101]],
    ['a table that is a circle', [process(102, 103), process(103, 102)], [101]],
  ];
  for (const [what, table, expected] of rows) it(what, () => assert.deepEqual(here(...table), expected));

  it('never an ancestor, marked or not', () => {
    const table = [process(50, 1, { marked: true }), launcher, shell];
    assert.deepEqual(startedHere(table, { launcher: 100, shell: 101 }), [shell]);
  });

  it("not the shell's process id once somebody else has it", () => {
    assert.deepEqual(startedHere([launcher, process(101, 1)], { launcher: 100, shell: 101 }), []);
  });

  it('not by the session where the launcher does not lead one', () => {
    const table = [
      process(100, 50, { session: 50 }),
      process(101, 100, { session: 50 }),
      process(60, 1, { session: 50 }),
    ];
    assert.deepEqual(
      startedHere(table, { launcher: 100, shell: 101 }).map(({ pid }) => pid),
      [101],
    );
  });

  it('reads /proc/<pid>/stat with any name', () => {
    assert.deepEqual(parseStat('7 (a) Z (b) S 1 7 5 34816 -1 0'), {
      name: 'a) Z (b',
      zombie: false,
      parent: 1,
      session: 5,
      terminal: 34816,
    });
    assert.equal(parseStat('7 (x) Z 1 7 5 0 -1').zombie, true);
  });

  it('reads the table of ps', () => {
    const table = [
      '    1     0 Ss   ??       /sbin/launchd',
      '  100    50 Ss+  ttys003  /Applications/Visual Studio Code.app/Code Helper (Plugin)',
      '  101   100 S    ttys003  -zsh',
      '  102     1 S    ??       /usr/bin/psql',
      '  103   101 Z    ttys003  (sleep)',
      '  104     1 S    ttys004  vim',
      '',
    ].join('\n');
    const environments =
      '  102 psql -X HOME=/ DAYPASS_SESSION=lease LANG=C\n  104 vim DAYPASS_SESSION=lease2\n';
    const found = parsePs(table, environments, 'DAYPASS_SESSION=lease', 100);
    assert.deepEqual(
      found.map(({ pid, name, session, marked, zombie }) => [pid, name, session, marked, zombie]),
      [
        [1, 'launchd', 0, false, false],
        [100, 'Code Helper (Plugin)', 100, false, false],
        [101, '-zsh', 100, false, false],
        [102, 'psql', 0, true, false],
        [103, '(sleep)', 100, false, true],
        [104, 'vim', 0, false, false],
      ],
    );
  });
});

describe('launcher: what ends a terminal', () => {
  const deadline = new Date(2026, 2, 1, 2, 44);
  const going: Seen = {
    closed: false,
    shell: undefined,
    session: 'unreadable',
    missingMs: 0,
    leftMs: 1,
    deadline,
  };
  const over = {
    version: 1 as const,
    heading: [],
    state: { is: 'over' as const, lines: ['x'], final: true },
  };
  const rows: [string, Partial<Seen>, string | undefined, boolean?, RegExp?][] = [
    ['nothing yet', {}, undefined],
    ['a file that is being written', { session: 'unreadable' }, undefined],
    ['a file that is missing for a moment', { session: 'missing', missingMs: 100 }, undefined],
    ['a file that is missing', { session: 'missing', missingMs: 300 }, 'folder', true, /removed/],
    ['the extension', { session: over }, 'session', true, /^x$/],
    ['the time', { leftMs: 0 }, 'deadline', true, /^Ended at 02:44, as planned\.$/],
    ['both', { session: over, leftMs: 0 }, 'session', true],
    ['exit', { shell: { code: 0, signal: null, afterMs: 100 } }, 'shell', false],
    ['exit 1 after work', { shell: { code: 1, signal: null, afterMs: 9000 } }, 'shell', false],
    ['exit 1 at once', { shell: { code: 1, signal: null, afterMs: 100 } }, 'shell', true, /exit code 1/],
    ['a killed shell', { shell: { code: null, signal: 'SIGKILL', afterMs: 9000 } }, 'shell', true, /SIGKILL/],
    ['closing', { closed: true, session: over, leftMs: 0 }, 'terminal', false],
  ];
  for (const [what, seen, by, hold, line] of rows)
    it(what, () => {
      const ending = endOf({ ...going, ...seen });
      assert.equal(ending?.by, by);
      assert.equal(ending?.hold, hold);
      if (line) assert.match(ending?.lines[0] ?? '', line);
    });

  it('names what was stopped in the first line, not all of a hundred', () => {
    assert.deepEqual(withStopped(['A.', 'B.'], { stopped: ['psql', 'watch'], remaining: [] }), [
      'A. Stopped here: psql, watch.',
      'B.',
    ]);
    assert.deepEqual(withStopped(['A.'], { stopped: [], remaining: [] }), ['A.']);
    assert.match(
      withStopped(['A.'], { stopped: 'abcdefgh'.split(''), remaining: [] })[0] ?? '',
      /a, b, c, d, e, f and 2 more\.$/,
    );
    assert.match(
      withStopped(['A.'], { stopped: [], remaining: ['sudo'] })[0] ?? '',
      /Could not be stopped.*sudo/,
    );
  });

  it('the deadline comes by the clock after a sleep, and by the time run when the clock is set back', () => {
    const sleeping = new Deadline(new Date(10_000), 0, 0);
    assert.equal(sleeping.left(4000, 4000), 6000);
    assert.ok(sleeping.left(20_000, 4100) <= 0);
    assert.ok(sleeping.left(-3_600_000, 10_000) <= 0);
  });
});
