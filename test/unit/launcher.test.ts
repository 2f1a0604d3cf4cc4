import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import {
  LauncherFile,
  endedAsPlanned,
  launcherFileName,
  sessionFileName,
  shellFileName,
  type SessionFile,
  type ShellFile,
} from '../../src/contract/session-file.ts';
import { Terminal, childrenOf, eventually, running } from './support/terminal.ts';

const place = mkdtempSync(join(tmpdir(), 'daypass-launcher-'));
const launcher = join(place, 'launcher.cjs');
const heading = ['Production: read orders on shop', 'You may: read orders'];
const stays = /This text stays until you close the terminal\./;
const at = (ms: number): string => new Date(Date.now() + ms).toISOString();

type State = SessionFile['state'];
const over = (final: boolean, ...lines: string[]): State => ({ is: 'over', lines, final });

/** A credential's folder, a person's home and a terminal, as the extension and VS Code provide them. */
class Stage {
  readonly folder = mkdtempSync(join(place, 'lease-'));
  readonly home = mkdtempSync(join(place, 'home-'));
  readonly leaseId = randomUUID();
  /** In the command line of whatever this stage's shell starts. */
  readonly sign = String(1_000_000 + Math.floor(Math.random() * 8_000_000));
  terminal!: Terminal;
  readonly opened: Terminal[] = [];

  open(deadline = at(600_000), expiresAt = at(600_000)): State {
    return { is: 'open', leaseId: this.leaseId, expiresAt, deadline, environment: { PGSERVICE: 'daypass' } };
  }

  session(state: State, lines = heading): void {
    this.#put(sessionFileName, { version: 1, heading: lines, state } satisfies SessionFile);
  }

  shell(shell: string | null, base: Record<string, string> = {}, appRoot: string | null = null): void {
    const person = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: this.home, LANG: 'C.UTF-8' };
    this.#put(shellFileName, {
      version: 1,
      shell,
      appRoot,
      base: { ...person, ...base },
    } satisfies ShellFile);
  }

  #put(name: string, content: unknown): void {
    writeFileSync(join(this.folder, `${name}.new`), JSON.stringify(content), { mode: 0o600 });
    renameSync(join(this.folder, `${name}.new`), join(this.folder, name));
  }

  file(name: string, content: string): void {
    mkdirSync(dirname(join(this.home, name)), { recursive: true });
    writeFileSync(join(this.home, name), content);
  }

  async start(env: NodeJS.ProcessEnv = {}): Promise<Terminal> {
    this.terminal = await Terminal.open(process.execPath, [launcher, this.folder], {
      PATH: process.env['PATH'],
      ...env,
    });
    this.opened.push(this.terminal);
    return this.terminal;
  }

  /** A started shell that has answered. */
  async ready(shell = '/bin/bash', state = this.open()): Promise<Terminal> {
    this.shell(shell);
    this.session(state);
    const terminal = await this.start();
    await this.answers();
    return terminal;
  }

  async answers(): Promise<void> {
    const word = randomUUID().slice(0, 8);
    const mark = this.terminal.output.length;
    await this.terminal.see(/[$#%>] *$/);
    this.terminal.type(`echo here''-${word}\r`);
    await this.terminal.see(new RegExp(`here-${word}`), mark);
  }

  async run(command: string, seen: RegExp): Promise<RegExpExecArray> {
    const mark = this.terminal.output.length;
    this.terminal.type(`${command}\r`);
    return this.terminal.see(seen, mark);
  }

  told(): LauncherFile | undefined {
    const parsed = LauncherFile.safeParse(
      JSON.parse(readFileSync(join(this.folder, launcherFileName), 'utf8') || '0'),
    );
    return parsed.success ? parsed.data : undefined;
  }

  shellPid(): Promise<number> {
    return eventually(() => {
      const state = this.told()?.state;
      return state?.is === 'open' ? state.shell : undefined;
    });
  }

  left(): string[] {
    return running(this.sign).map((one) => one.command);
  }

  /** Waits until what the shell started has the keyboard: its process group is the terminal's foreground one. */
  async inForeground(): Promise<void> {
    await eventually(
      () =>
        running(this.sign).some(({ pid }) => {
          const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
          const [state, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
          return state === 'S' && group === foreground;
        }) || undefined,
    );
  }

  async nothingLeft(): Promise<void> {
    await eventually(() => this.left().length === 0 || undefined).catch(() =>
      assert.deepEqual(this.left(), []),
    );
  }

  end(): void {
    for (const terminal of this.opened) terminal.close();
  }
}

const shells = ['bash', 'zsh', 'fish', 'dash'].map((name) => ({
  name,
  path: ['/bin', '/usr/bin', '/usr/local/bin'].map((folder) => join(folder, name)).find(existsSync),
}));

describe('launcher', function () {
  this.timeout(30_000);
  let stage: Stage;

  before(() =>
    build({
      entryPoints: ['src/launcher/main.ts'],
      outfile: launcher,
      bundle: true,
      minify: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
    }),
  );
  beforeEach(() => (stage = new Stage()));
  afterEach(async () => {
    stage.end();
    await eventually(() => running(stage.folder).length === 0 || undefined);
    for (const { pid } of running(stage.sign)) process.kill(pid, 'SIGKILL');
  });
  after(() => rmSync(place, { recursive: true, force: true }));

  it('is small enough to start with every terminal', () => {
    assert.ok(statSync(launcher).size < 48 * 1024, `${statSync(launcher).size} bytes`);
  });

  for (const { name, path } of shells)
    describe(`with ${name}`, () => {
      before(function () {
        if (path === undefined) this.skip();
      });
      const shell = path ?? '';

      it("starts the person's shell at home, with its start-up files and the credential", async () => {
        stage.file('.bashrc', 'export FROM_START_UP=yes\n');
        stage.file('.zshrc', 'export FROM_START_UP=yes\n');
        stage.file('.shrc', 'export FROM_START_UP=yes\n');
        stage.file('.config/fish/config.fish', 'set -gx FROM_START_UP yes\n');
        const expiresAt = at(500_000);
        stage.shell(shell, {
          PGHOST: 'elsewhere',
          PSQLRC: 'evil',
          OWN: 'kept',
          ENV: join(stage.home, '.shrc'),
        });
        stage.session(stage.open(at(600_000), expiresAt));
        const workspace = {
          EVIL: 'yes',
          PATH: `/evil:${process.env['PATH'] ?? ''}`,
          BASH_ENV: '/evil',
          PGHOSTADDR: '6.6.6.6',
          OWN: 'changed',
        };
        await stage.start({ ...workspace, ELECTRON_RUN_AS_NODE: '1', TERM_PROGRAM_VERSION: '1.2.3' });
        await stage.answers();
        await stage.run('pwd', new RegExp(`^${stage.home}$`, 'm'));
        await stage.run('env | sort; echo the"-"end', /the-end/);
        const env = stage.terminal.text();
        for (const line of [
          'FROM_START_UP=yes',
          'OWN=kept',
          'PGSERVICE=daypass',
          `DAYPASS_EXPIRES_AT=${expiresAt}`,
          `DAYPASS_SESSION=${stage.leaseId}`,
          'TERM=xterm-256color',
          'TERM_PROGRAM=vscode',
        ])
          assert.match(env, new RegExp(`^${line.replaceAll('.', '\\.')}$`, 'm'));
        for (const absent of [/^PGHOST/m, /PSQLRC=/, /EVIL=/, /evil/, /ELECTRON/, /BASH_ENV/, /PGHOSTADDR/])
          assert.doesNotMatch(env, absent);
      });

      it('gives the shell the whole terminal: Ctrl+C, Ctrl+Z, jobs, its size', async () => {
        const terminal = await stage.ready(shell);
        terminal.type(`sleep ${stage.sign}\r`);
        await stage.inForeground();
        terminal.type('\x03');
        await stage.nothingLeft();
        await stage.answers();

        terminal.type(`sleep ${stage.sign}\r`);
        await stage.inForeground();
        const mark = terminal.output.length;
        terminal.type('\x1a');
        await terminal.see(/stopped|suspended/i, mark);
        await stage.run('jobs', /sleep/);
        terminal.type('fg\r');
        await stage.inForeground();
        terminal.type('\x03');
        await stage.nothingLeft();
        await stage.answers();

        const tty = `/proc/${terminal.pid}/fd/0`;
        spawnSync('stty', ['-F', tty, 'rows', '41', 'cols', '97']);
        await stage.run('stty size', /41 97/);
        assert.equal(terminal.ended, false);
      });

      it('stops everything that was started in it and keeps the screen', async () => {
        const outside = spawn('sleep', ['600']);
        try {
          const terminal = await stage.ready(shell);
          const sleep = `sleep ${stage.sign}`;
          const started = [
            `${sleep} &`,
            `nohup ${sleep} >/dev/null 2>&1 &`,
            `setsid ${sleep} >/dev/null 2>&1 &`,
            `sh -c '${sleep} & ${sleep} &'`,
            `sh -c '(setsid nohup ${sleep} >/dev/null 2>&1 &)'`,
            `setsid env -i ${sleep} &`,
            `sh -c '(env -i ${sleep} </dev/null >/dev/null 2>&1 &)'`,
            `sh -c 'trap "" HUP TERM INT; while :; do ${sleep}; done' &`,
          ];
          for (const command of started) terminal.type(`${command}\r`);
          await eventually(() => stage.left().length >= started.length + 1 || undefined);
          terminal.type(`${sleep}\r`);
          await eventually(() => stage.left().length >= started.length + 2 || undefined);

          const mark = terminal.output.length;
          stage.session(over(false, 'Ended at 02:44, as planned.'));
          await terminal.see(/Ended at 02:44, as planned\. Stopped here: .*\bsleep\b.*\./, mark);
          assert.deepEqual(stage.left(), []);
          stage.session(
            over(true, 'Ended at 02:44, as planned.', 'At shop: login closed, nothing left behind.'),
          );
          await terminal.see(/At shop: login closed, nothing left behind\.\n.*This text stays/, mark);
          assert.equal(terminal.text(mark).match(/Ended at/g)?.length, 1);

          const told = stage.told()?.state;
          assert.ok(told?.is === 'over' && told.by === 'session' && told.stopped.includes('sleep'));
          assert.deepEqual(told.remaining, []);
          assert.doesNotMatch(told.stopped.join(), new RegExp(`\\b${name}\\b`));
          assert.equal(outside.exitCode ?? outside.signalCode, null);
          terminal.type('a\r\x03\x04\x1a');
          await eventually(() => (stage.told()?.state.is === 'over' ? true : undefined));
          assert.equal(terminal.ended, false);
        } finally {
          outside.kill('SIGKILL');
        }
      });
    });

  describe('at the end', () => {
    it('ends by itself at the deadline when the extension says nothing, and wipes the folder', async () => {
      const deadline = at(2500);
      await stage.ready('/bin/bash', stage.open(deadline));
      const { terminal } = stage;
      writeFileSync(join(stage.folder, 'pgpass'), 'a secret');
      const mark = terminal.output.length;
      terminal.type(`sleep ${stage.sign}\r`);
      await terminal.see(new RegExp(`${endedAsPlanned(new Date(deadline))} Stopped here: sleep\\.`), mark);
      assert.ok(Date.now() >= Date.parse(deadline));
      assert.deepEqual(stage.left(), []);
      await terminal.see(stays, mark);
      assert.deepEqual(readdirSync(stage.folder).sort(), [launcherFileName, sessionFileName]);

      stage.session(over(true, endedAsPlanned(new Date(deadline)), 'At shop: login closed.'));
      await terminal.see(/At shop: login closed\./, mark);
      assert.equal(terminal.text(mark).match(/Ended at/g)?.length, 1);
    });

    const planned = /Ended at \d\d:\d\d, as planned\./;
    for (const [first, words] of [
      ['the broker, as the time is up', 'Ended at 02:43, as planned.'],
      ['somebody who revokes it in the last second', 'Revoked at 02:44 by Ben Roth: “wrong customer”.'],
    ] as const) {
      it(`says once why it ended, the launcher's clock before ${first}`, async () => {
        await stage.ready('/bin/bash', stage.open(at(1500)));
        const { terminal } = stage;
        await terminal.see(planned);
        stage.session(over(true, words, 'At shop: login closed, nothing left behind.'));
        await terminal.see(/At shop: login closed.*\n.*This text stays/);
        assert.equal(terminal.text().match(/Ended at|Revoked at/g)?.length, 1, terminal.text());
      });

      it(`says once why it ended, the launcher's clock after ${first}`, async () => {
        await stage.ready('/bin/bash', stage.open(at(1000)));
        const { terminal } = stage;
        terminal.type("trap '' HUP TERM\r");
        stage.session(over(false, words));
        await terminal.see(new RegExp(words.replaceAll('.', '\\.')));
        stage.session(over(true, words, 'At shop: login closed, nothing left behind.'));
        await terminal.see(/At shop: login closed.*\n.*This text stays/);
        assert.equal(terminal.text().match(/Ended at|Revoked at/g)?.length, 1, terminal.text());
      });
    }

    it('follows a deadline that is written anew', async () => {
      await stage.ready('/bin/bash', stage.open(at(600_000)));
      stage.session(stage.open(at(300)));
      await stage.terminal.see(/Ended at .* as planned/);
    });

    it('says what was stopped and what the target says although the folder is removed in between', async () => {
      const terminal = await stage.ready();
      stage.session(over(false, 'Revoked by Ben Roth.'));
      await terminal.see(/Revoked by Ben Roth\.\n/);
      rmSync(stage.folder, { recursive: true });
      await terminal.see(stays);
      assert.equal(terminal.ended, false);
    });

    it('ends when the folder is removed', async () => {
      const terminal = await stage.ready();
      terminal.type(`sleep ${stage.sign} &\r`);
      await eventually(() => stage.left().length > 0 || undefined);
      rmSync(stage.folder, { recursive: true });
      await terminal.see(/Ended: the credential of this terminal was removed\. Stopped here: sleep\./);
      await stage.nothingLeft();
      assert.equal(existsSync(stage.folder), false);
    });

    it('holds the screen and can still write when the shell was killed and the terminal left in a wild state', async () => {
      const terminal = await stage.ready();
      await stage.run(
        `stty tostop -opost; sleep ${stage.sign} & printf '\\033[?1049h\\033[?1003h\\033[?25l'; echo wild`,
        /^ *wild/m,
      );
      // Until then it is a shell that is about to become one.
      await eventually(() => stage.left().length > 0 || undefined);
      const mark = terminal.output.length;
      process.kill(await stage.shellPid(), 'SIGKILL');
      await terminal.see(/Ended: the shell was stopped by SIGKILL\. Stopped here: sleep\./, mark);
      stage.session(over(true, 'Ended by you.', 'At shop: login closed.'));
      await terminal.see(/Stopped here: sleep\.\n.*At shop: login closed\.\n.*This text stays/, mark);
      for (const off of ['\x1b[?1049l', '\x1b[?1003l', '\x1b[?25h', '\x1b[?2004l'])
        assert.ok(terminal.output.slice(mark).includes(off), JSON.stringify(off));
      const before = terminal.output.length;
      terminal.type('lost\r\x03\x04\x1c');
      stage.session(over(true, 'Ended by you.', 'At shop: login closed.', 'never'));
      // The terminal would echo at once; a settings call afterwards shows that the keys have been through it.
      const modes = spawnSync('stty', ['-F', `/proc/${terminal.pid}/fd/0`, '-a'], {
        encoding: 'utf8',
      }).stdout;
      assert.match(modes, /-isig -icanon/);
      assert.match(modes, /-echo /);
      assert.match(modes, /^opost/m);
      assert.equal(terminal.output.length, before);
      assert.equal(terminal.ended, false);
    });

    it('hangs the shell up before anything else, so that it keeps its history', async () => {
      const terminal = await stage.ready();
      terminal.type(`sleep ${stage.sign}\r`);
      await stage.inForeground();
      const mark = terminal.output.length;
      stage.session(over(true, 'Ended.'));
      await terminal.see(stays, mark);
      assert.match(
        readFileSync(join(stage.home, '.bash_history'), 'utf8'),
        new RegExp(`^sleep ${stage.sign}$`, 'm'),
      );
    });

    it('lets an editor save what it holds', async function () {
      if (!existsSync('/usr/bin/vim')) this.skip();
      const terminal = await stage.ready();
      terminal.type(`vim -u NONE -N ${stage.sign}.txt\r`);
      await terminal.see(/~\s+~/);
      terminal.type('iprecious words\x1b:\r');
      await terminal.see(/precious words/);
      const mark = terminal.output.length;
      stage.session(over(true, 'Ended.'));
      await terminal.see(/Ended\. Stopped here: .*vim/, mark);
      const swap = readFileSync(join(stage.home, `.${stage.sign}.txt.swp`), 'latin1');
      assert.match(swap, /precious words/);
    });

    it('stops shells that fork without end', async () => {
      const terminal = await stage.ready();
      const forks = `while :; do sleep 0.${stage.sign} & sleep 0.01; done`;
      terminal.type(`(trap '' HUP TERM; ${forks}) & setsid sh -c "${forks}" & ${forks}\r`);
      await eventually(() => stage.left().length > 20 || undefined);
      const mark = terminal.output.length;
      stage.session(over(true, 'Ended.'));
      await terminal.see(stays, mark);
      assert.deepEqual(stage.left(), []);
    });

    it('stops a tmux server started in it, and its windows', async function () {
      if (!existsSync('/usr/bin/tmux')) this.skip();
      const terminal = await stage.ready();
      terminal.type(`tmux -L t${stage.sign} -f /dev/null new-session 'sleep ${stage.sign}'\r`);
      await eventually(() => stage.left().length >= 3 || undefined);
      const mark = terminal.output.length;
      stage.session(over(true, 'Ended.'));
      await terminal.see(/Ended\. Stopped here: .*tmux/, mark);
      assert.deepEqual(stage.left(), []);
    });
  });

  describe('what tries to get away', () => {
    const quiet = '</dev/null >/dev/null 2>&1';
    const ways: Record<string, (sleep: string) => string> = {
      'a double fork': (sleep) => `sh -c '(${sleep} ${quiet} &)'`,
      setsid: (sleep) => `setsid -f ${sleep} ${quiet}`,
      nohup: (sleep) => `nohup ${sleep} ${quiet} &`,
      disown: (sleep) => `${sleep} ${quiet} & disown -a`,
      'a cleared environment': (sleep) => `env -i ${sleep} ${quiet} &`,
      'a cleared environment in a session that keeps the screen': (sleep) => `setsid -f env -i ${sleep}`,
      'another root': (sleep) => `chroot / ${sleep} ${quiet} &`,
    };
    const byGroupAlone: typeof ways = {
      'setsid and a cleared environment': (sleep) => `setsid -f env -i ${sleep} ${quiet}`,
      'a double fork, setsid and a cleared environment': (sleep) =>
        `sh -c '(setsid -f env -i sh -c "(${sleep} &)" ${quiet} &)'`,
      'namespaces of its own': (sleep) =>
        `setsid -f env -i unshare --user --map-current-user --pid --fork --kill-child ${sleep} ${quiet}`,
    };
    /** The folder of the terminal's control group, where this machine lets it have one. */
    const groupOf = (pid: number): string | undefined => {
      const path = /^0::(.*daypass-.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
      return ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']
        .map((mount) => join(mount, path ?? '/nowhere'))
        .find(existsSync);
    };
    const escaped = async (command: string): Promise<number> => {
      const mark = stage.terminal.output.length;
      stage.terminal.type(`${command}\r`);
      const sleep = () => running(stage.sign).find((one) => one.command.startsWith('sleep'));
      const pid = await eventually(() => sleep()?.pid);
      await stage.terminal.see(/[$#] *$/, mark);
      return pid;
    };
    const end = async (): Promise<void> => {
      const mark = stage.terminal.output.length;
      stage.session(over(true, 'Ended.'));
      await stage.terminal.see(stays, mark);
    };

    for (const [way, command] of Object.entries(ways))
      it(`${way}: stopped`, async () => {
        await stage.ready();
        await escaped(command(`sleep ${stage.sign}`));
        await end();
        assert.deepEqual(stage.left(), []);
      });

    for (const [way, command] of Object.entries(byGroupAlone))
      it(`${way}: stopped where the terminal can have a control group, and only there`, async () => {
        await stage.ready();
        const group = groupOf(await stage.shellPid());
        await escaped(command(`sleep ${stage.sign}`));
        await end();
        assert.equal(stage.left().length === 0, group !== undefined);
        assert.ok(group === undefined || !existsSync(group), 'the group is left');
      });

    it('is found after a launcher that was killed, too', async () => {
      const terminal = await stage.ready();
      const group = groupOf(await stage.shellPid());
      await escaped(byGroupAlone['setsid and a cleared environment']?.(`sleep ${stage.sign}`) ?? '');
      process.kill(terminal.pid, 'SIGKILL');
      await terminal.exitCode();
      spawnSync(process.execPath, [launcher, '--stop', stage.leaseId]);
      assert.equal(stage.left().length === 0, group !== undefined);
      assert.ok(group === undefined || !existsSync(group), 'the group is left');
    });

    it('another’s child is not: what a service manager or a daemon starts for the person', async () => {
      await stage.ready();
      // As `systemd-run`, `at` and `docker run` do: the terminal only asks, and somebody else starts it.
      const ask = join(stage.home, 'ask');
      const daemon = spawn(
        'sh',
        ['-c', `until [ -e ${ask} ]; do sleep 0.05; done; exec sleep ${stage.sign}`],
        {
          stdio: 'ignore',
        },
      );
      try {
        await escaped(`touch ${ask}`);
        await end();
        assert.equal(stage.left().length, 1);
      } finally {
        daemon.kill('SIGKILL');
      }
    });
  });

  describe('ended by the person', () => {
    it('closes the terminal at Ctrl+D, with whatever still ran in it', async () => {
      const terminal = await stage.ready();
      terminal.type(`nohup sleep ${stage.sign} >/dev/null 2>&1 &\r`);
      await eventually(() => stage.left().length > 0 || undefined);
      await stage.answers();
      writeFileSync(join(stage.folder, 'pgpass'), 'a secret');
      terminal.type('\x04');
      assert.equal(await terminal.exitCode(), 0);
      assert.deepEqual(stage.left(), []);
      const told = stage.told()?.state;
      assert.ok(told?.is === 'over' && told.by === 'shell');
      assert.equal(existsSync(join(stage.folder, 'pgpass')), false);
    });

    it('closes with an exit code of a shell that has been used, too', async () => {
      const terminal = await stage.ready();
      // What is typed before its first prompt a shell may throw away.
      await stage.answers();
      terminal.type('sleep 2; exit 3\r');
      assert.equal(await terminal.exitCode(), 0);
    });

    it('explains a shell that ends as soon as it starts', async () => {
      stage.file('.bashrc', 'exit 7\n');
      stage.shell('/bin/bash');
      stage.session(stage.open());
      const terminal = await stage.start();
      await terminal.see(/your shell stopped as soon as it started \(exit code 7\)[^]*start-up files/);
    });

    for (const how of ['hung up by the kernel', 'asked to end by VS Code'])
      it(`stops everything when the terminal is ${how}`, async () => {
        const terminal = await stage.ready();
        terminal.type(`setsid sleep ${stage.sign} & nohup sleep ${stage.sign} & sleep ${stage.sign}\r`);
        await eventually(() => stage.left().length >= 3 || undefined);
        if (how.startsWith('hung')) terminal.close();
        else process.kill(terminal.pid, 'SIGHUP');
        await stage.nothingLeft();
        await eventually(() => running(stage.folder).length === 0 || undefined);
        const told = stage.told()?.state;
        assert.ok(told?.is === 'over' && told.by === 'terminal');
      });
  });

  describe('before and without a credential', () => {
    it('waits, drops what is typed ahead, and becomes the production terminal', async () => {
      stage.session({ is: 'waiting' }, ['Waiting for Ben Roth']);
      const terminal = await stage.start();
      await terminal.see(/Waiting for Ben Roth/);
      terminal.type('echo too-soon\r');
      stage.session({ is: 'waiting' }, ['Waiting for Eva Lang']);
      await terminal.see(/Waiting for Eva Lang/);
      stage.shell('/bin/bash');
      stage.session(stage.open());
      await terminal.see(/Production: read orders on shop/);
      await stage.answers();
      assert.doesNotMatch(terminal.text(), /^too-soon/m, 'what the terminal echoed has not been run');
      assert.equal(existsSync(join(stage.folder, shellFileName)), false);
    });

    it('drops what is typed ahead, however late it comes to that', async () => {
      const program = join(stage.home, 'late.cjs');
      const go = join(stage.home, 'go');
      await build({
        stdin: {
          contents: `
            import { spawnSync } from 'node:child_process';
            import { existsSync } from 'node:fs';
            import { takeKeys } from './src/launcher/keys.ts';
            console.log('here');
            while (!existsSync(process.argv[2])) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
            takeKeys(() => {})();
            console.log('now');
            spawnSync('/bin/sh', ['-c', 'read line; echo "got: $line"'], { stdio: 'inherit' });`,
          resolveDir: process.cwd(),
        },
        outfile: program,
        bundle: true,
        platform: 'node',
        format: 'cjs',
      });
      const terminal = await Terminal.open(process.execPath, [program, go], { PATH: process.env['PATH'] });
      stage.opened.push(terminal);
      await terminal.see(/here/);
      terminal.type('too-soon\rtoo-');
      // The terminal's echo: it has the keys.
      await terminal.see(/too-soon\ntoo-/);
      writeFileSync(go, '');
      await terminal.see(/now/);
      terminal.type('later\r');
      await terminal.see(/got: later/);
    });

    it('says why there will be none', async () => {
      stage.session({ is: 'waiting' });
      const terminal = await stage.start();
      await terminal.see(/Production/);
      stage.session(over(true, 'Ben Roth denied it: use the replica instead.'));
      await terminal.see(/Ben Roth denied it: use the replica instead\.\n.*This text stays/);
    });

    it('says so when the request it waits for is taken away', async () => {
      stage.session({ is: 'waiting' });
      const terminal = await stage.start();
      await terminal.see(/Production/);
      rmSync(stage.folder, { recursive: true });
      await terminal.see(/This request is no longer open\.\n.*This text stays/);
    });

    it('leaves at Ctrl+C while it waits', async () => {
      stage.session({ is: 'waiting' });
      const terminal = await stage.start();
      await terminal.see(/Production/);
      // Before the keys are taken there is nothing that Ctrl+C could end.
      await eventually(() => {
        if (!terminal.ended) terminal.type('\x03');
        return terminal.ended || undefined;
      });
      assert.equal(await terminal.exitCode(), 0);
    });

    const restored = /restored without its production access/;

    it('holds nothing when its folder is gone', async () => {
      rmSync(stage.folder, { recursive: true });
      const terminal = await stage.start();
      await terminal.see(restored);
      assert.equal(existsSync(stage.folder), false);
      terminal.type('\x04\r');
      process.kill(terminal.pid, 'SIGHUP');
      assert.equal(await terminal.exitCode(), 0);
    });

    it('holds nothing when another launcher has had its folder', async () => {
      await stage.ready();
      stage.shell('/bin/bash');
      const second = await stage.start();
      await second.see(restored);
      assert.doesNotMatch(second.text(), /Production:/);
      assert.ok(stage.told()?.state.is === 'open');
      assert.ok(existsSync(join(stage.folder, shellFileName)));
    });

    it('starts nothing once the time is over', async () => {
      stage.shell('/bin/bash');
      stage.session(stage.open(at(-1000)));
      const terminal = await stage.start();
      await terminal.see(/was over before its shell could start\./);
      const told = stage.told()?.state;
      assert.ok(told?.is === 'over' && told.by === 'refused');
    });

    it("refuses where a workspace puts code into it, and accepts what is the person's own", async () => {
      const preload = { LD_LIBRARY_PATH: '/tmp' };
      stage.shell('/bin/bash');
      stage.session(stage.open());
      const terminal = await stage.start(preload);
      await terminal.see(/Not opened: this workspace or an extension sets LD_LIBRARY_PATH for terminals/);
      assert.deepEqual(childrenOf(terminal.pid), []);
      stage.end();

      stage = new Stage();
      stage.shell('/bin/bash', preload);
      stage.session(stage.open());
      await stage.start(preload);
      await stage.answers();
    });

    it('starts another shell, and says so, where the chosen one cannot be started', async () => {
      stage.shell('/no/such/shell');
      stage.session(stage.open());
      const terminal = await stage.start();
      await terminal.see(/\/no\/such\/shell cannot be started; this is \/bin\/sh\./);
      await stage.answers();
    });

    it('says of a shell that nobody has tried with it that it is untested', async () => {
      stage.file('bin/pwsh', '#!/bin/sh\nexec /bin/sh -i\n');
      chmodSync(join(stage.home, 'bin/pwsh'), 0o755);
      stage.shell(join(stage.home, 'bin/pwsh'));
      stage.session(stage.open());
      const terminal = await stage.start();
      await terminal.see(/PowerShell is untested with Daypass: the access ends at its target in any case/);
      await stage.answers();
    });

    it('goes on although it cannot say that it runs, and says so once it can', async () => {
      const inTheWay = join(stage.folder, `${launcherFileName}.new`);
      mkdirSync(inTheWay);
      await stage.ready();
      assert.equal(readFileSync(join(stage.folder, launcherFileName), 'utf8'), '');
      rmSync(inTheWay, { recursive: true });
      await stage.shellPid();
    });

    it('does without VS Code’s integration where there is no room for it', async function () {
      if (!existsSync('/usr/bin/zsh')) this.skip();
      const scripts = join(stage.home, 'code', 'out/vs/workbench/contrib/terminal/common/scripts');
      mkdirSync(scripts, { recursive: true });
      for (const name of ['rc', 'profile', 'env', 'login'])
        writeFileSync(join(scripts, `shellIntegration-${name}.zsh`), '');
      writeFileSync(join(stage.folder, 'zsh'), 'in the way');
      stage.shell('/usr/bin/zsh', {}, join(stage.home, 'code'));
      stage.session(stage.open());
      await stage.start();
      await stage.answers();
    });

    it('shows nothing that moves the cursor or reorders text', async () => {
      stage.session(over(true, 'Denied: \x1b[2J\x07\u202edrow\r\nx'), []);
      const terminal = await stage.start();
      await terminal.see(/Denied: \[2Jdrowx/);
    });
  });

  it('cleans up after a launcher that was killed', async () => {
    const terminal = await stage.ready();
    terminal.type(`setsid sleep ${stage.sign} & nohup sleep ${stage.sign} &\r`);
    await eventually(() => stage.left().length >= 2 || undefined);
    process.kill(terminal.pid, 'SIGKILL');
    await terminal.exitCode();
    assert.notDeepEqual(stage.left(), []);
    const { stdout } = spawnSync(process.execPath, [launcher, '--stop', stage.leaseId], { encoding: 'utf8' });
    assert.deepEqual(JSON.parse(stdout), { stopped: ['sleep'], remaining: [] });
    assert.deepEqual(stage.left(), []);
  });
});
