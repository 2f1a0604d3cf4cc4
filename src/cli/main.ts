import { Command, Option } from 'commander';
import type { ExplainOptions } from './commands/explain.ts';
import { fail } from './fail.ts';
import { version } from '../broker/version.ts';

const config = ['-c, --config <file>', 'the configuration', 'daypass.yaml'] as const;

// Each command is loaded when it runs: `--help` and `check` need no server.
const program = new Command('daypass')
  .description('Temporary access to production: the broker and its tools.')
  .version(version, '-V, --version')
  .showHelpAfterError('Run with --help to see what is possible.')
  .configureHelp({ sortSubcommands: false });

program
  .command('serve')
  .description('Run the broker until it is told to stop (Ctrl+C, SIGTERM).')
  .option(...config)
  .action(async (options: { config: string }) => (await import('./commands/serve.ts')).serve(options));

program
  .command('check')
  .description('Check the configuration and the templates without starting anything.')
  .option(...config)
  .option('--targets', 'ask the targets too: what is missing there, and what is there that no template says')
  .option('--channels', 'send a test message through each channel, and say what came of it')
  .addOption(
    new Option(
      '--identity',
      'explain what the broker sees in an access token, given on standard input',
    ).conflicts(['targets', 'channels']),
  )
  .action(async (options: { config: string; targets?: true; channels?: true; identity?: true }) => {
    if (options.identity) return (await import('./commands/check-identity.ts')).checkIdentity(options);
    return (await import('./commands/check.ts')).check({
      config: options.config,
      targets: options.targets === true,
      channels: options.channels === true,
    });
  });

program
  .command('explain')
  .description('Say what would become of a request, and why.')
  .argument('<person>', 'who asks, as the examples beside the templates call them')
  .argument('<template>', 'for what')
  .option(...config)
  .option('--at <moment>', 'when: "Sunday 02:14", 2026-12-24T10:00+01:00', 'now')
  .option('--zone <zone>', 'whose clock that is', 'UTC')
  .option('--for <duration>', 'how long; the usual time of the template unless said')
  .option('--groups <groups>', 'the groups of the person, separated by commas')
  .option('--on-call <schedule>', 'as if they were on call by this schedule')
  .action(async (person: string, template: string, options: ExplainOptions) =>
    (await import('./commands/explain.ts')).explain(person, template, options),
  );

program
  .command('target')
  .description('Prepare production systems.')
  .command('setup')
  .argument('<id>', 'the target, as the configuration calls it')
  .description('Print what prepares a target for the broker and the templates; nothing is changed.')
  .option(...config)
  .action(async (id: string, options: { config: string }) =>
    (await import('./commands/target-setup.ts')).targetSetup({ id, config: options.config }),
  );

program
  .command('schemas')
  .description(
    'Write JSON Schemas for daypass.yaml and templates, with which editors complete and explain them.',
  )
  .option('-o, --out <folder>', 'where to', 'schemas')
  .action(async (options: { out: string }) => (await import('./commands/schemas.ts')).schemas(options));

program.parseAsync().catch(fail);
