import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { check } from './check.ts';
import type { ChannelConfig } from './channels.ts';
import type { Config, ScheduleConfig, TargetConfig } from './config.ts';
import { checkConsistency } from './consistency.ts';
import { failureOf } from './files.ts';
import { inReadingOrder, ProblemsFound, type Problem } from './problem.ts';
import { Report } from './report.ts';
import { resolveSettings } from './resolve.ts';
import type { Environment } from './secrets.ts';
import { Settings } from './settings.ts';
import { longestFile, readYaml, type YamlFile } from './yaml.ts';

/** What templates may refer to. */
export interface References {
  readonly groups: readonly string[];
  readonly targets: ReadonlyMap<string, Pick<TargetConfig, 'kind'>>;
  /** The schedules that say who is on call, by name. */
  readonly schedules?: ReadonlyMap<string, Pick<ScheduleConfig, 'contacts'>>;
  readonly channels?: ReadonlyMap<string, ChannelConfig>;
}

export interface ReadConfig {
  /** Complete; absent if anything is wrong or missing. */
  readonly config?: Config;
  /** Present as soon as the file has the right shape. */
  readonly outline?: Pick<
    Config,
    'channels' | 'groups' | 'identity' | 'publicUrl' | 'schedules' | 'targets' | 'templates'
  >;
  /** The file, for what is found about it later; present like the outline. */
  readonly document?: YamlFile;
  /** Wrong wherever the file is used. */
  readonly problems: readonly Problem[];
  /** Named by the file and not to be had on this machine: secrets, certificates. */
  readonly missing: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * Reads `daypass.yaml` and everything that it names. Never throws: what is wrong is in the result.
 * @param environment where `{ env: NAME }` is looked up
 */
export async function readConfig(file: string, environment: Environment = process.env): Promise<ReadConfig> {
  const path = resolve(file);
  const nothing = { missing: [], warnings: [] };
  const whole = (words: string): ReadConfig => ({
    ...nothing,
    problems: [{ file: path, line: 0, column: 0, path: [], words }],
  });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return whole(`the configuration ${failureOf(error)}`);
  }
  if (text.length > longestFile) return whole(`is larger than ${longestFile / 1024} KB.`);
  const document = readYaml(path, text);
  const { value: settings, problems } = check(document, Settings);
  if (!settings) return { ...nothing, problems };

  const report = new Report(document);
  checkConsistency(settings, report);
  const config = await resolveSettings(path, settings, environment, report);
  const { channels, groups, identity, publicUrl, schedules, targets, templates } = config;
  return {
    ...(report.wrong.length + report.missing.length === 0 ? { config } : {}),
    outline: { channels, groups, identity, publicUrl, schedules, targets, templates },
    document,
    problems: inReadingOrder(report.wrong),
    missing: report.missing,
    warnings: report.warnings,
  };
}

/**
 * The configuration, complete.
 * @throws ProblemsFound
 */
export async function loadConfig(file: string, environment: Environment = process.env): Promise<Config> {
  const { config, problems, missing } = await readConfig(file, environment);
  if (!config) throw new ProblemsFound([...problems, ...missing]);
  return config;
}
