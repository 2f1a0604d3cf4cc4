import { posix, win32 } from 'node:path';

/** Where VS Code keeps its shell integration, below its `env.appRoot`. */
const scripts = 'out/vs/workbench/contrib/terminal/common/scripts';

export interface ShellCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** Added to the shell's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Files that zsh reads as its own start-up files: name in `startUpFolder` → file to copy. */
  readonly startUpFiles: Readonly<Record<string, string>>;
  /** The shell as people call it, where nobody has tried yet what is written for it. */
  readonly untried?: string;
}

export interface ShellChoice {
  /** Absolute path of the shell. */
  readonly shell: string;
  readonly platform: NodeJS.Platform;
  /** VS Code's `env.appRoot`; null: no shell integration. */
  readonly appRoot: string | null;
  /** A private folder of this launcher's own, for zsh. */
  readonly startUpFolder: string;
  /** Where zsh would look for the person's start-up files: `ZDOTDIR`, else the home folder. */
  readonly zdotdir: string;
  readonly exists: (path: string) => boolean;
}

/**
 * How the person's shell is started: interactive, with its own start-up files; as a login shell where VS Code does so
 * (macOS); with VS Code's shell integration where its script is found, started the way VS Code starts it. PowerShell
 * and cmd are written after VS Code's way and untested.
 */
export function shellCommand(choice: ShellChoice): ShellCommand {
  const { shell, platform } = choice;
  const path = platform === 'win32' ? win32 : posix;
  const name = path
    .basename(shell)
    .toLowerCase()
    .replace(/\.exe$/, '');
  const login = platform === 'darwin';
  const script = (file: string): string | undefined => {
    if (choice.appRoot === null) return undefined;
    const found = path.join(choice.appRoot, scripts, file);
    return choice.exists(found) ? found : undefined;
  };
  type Extra = Readonly<Record<string, string>>;
  const command = (args: string[], environment: Extra = {}, startUpFiles: Extra = {}): ShellCommand => ({
    file: shell,
    args,
    environment,
    startUpFiles,
  });

  switch (name) {
    case 'bash': {
      const init = script('shellIntegration-bash.sh');
      if (init === undefined) return command(login ? ['-l'] : []);
      // bash reads no --init-file as a login shell; the script stands in for -l.
      return command(['--init-file', init], {
        VSCODE_INJECTION: '1',
        VSCODE_STABLE: '1',
        ...(login && { VSCODE_SHELL_LOGIN: '1' }),
      });
    }
    case 'zsh': {
      const files = { '.zshrc': 'rc', '.zprofile': 'profile', '.zshenv': 'env', '.zlogin': 'login' };
      const found = Object.entries(files).flatMap(([to, from]) => {
        const source = script(`shellIntegration-${from}.zsh`);
        return source === undefined ? [] : [[to, source] as const];
      });
      const args = [login ? '-il' : '-i'];
      if (found.length < Object.keys(files).length) return command(args);
      return command(
        args,
        { VSCODE_INJECTION: '1', ZDOTDIR: choice.startUpFolder, USER_ZDOTDIR: choice.zdotdir },
        Object.fromEntries(found),
      );
    }
    case 'fish': {
      const init = script('shellIntegration.fish');
      const args = login ? ['-l'] : [];
      if (init === undefined) return command(args);
      const quoted = init.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
      return command([...args, '--init-command', `source '${quoted}'`], { VSCODE_INJECTION: '1' });
    }
    case 'pwsh':
    case 'powershell': {
      const init = script('shellIntegration.ps1');
      const args = login ? ['-Login'] : [];
      const untried = 'PowerShell';
      if (init === undefined) return { ...command(args), untried };
      const source = `try { . '${init.replaceAll("'", "''")}' } catch {}`;
      return {
        ...command([...args, '-noexit', '-command', source], { VSCODE_INJECTION: '1', VSCODE_STABLE: '1' }),
        untried,
      };
    }
    case 'cmd':
      return { ...command([]), untried: 'cmd' };
    default:
      return command(login ? ['-l'] : []);
  }
}
