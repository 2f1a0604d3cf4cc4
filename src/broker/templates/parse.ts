import { basename, sep } from 'node:path';
import * as z from 'zod';
import { secondsOf, spokenDuration } from '../../contract/durations.ts';
import { check } from '../config/check.ts';
import { unknownGroup } from '../config/consistency.ts';
import type { References } from '../config/load.ts';
import { inReadingOrder, type Path, type Problem } from '../config/problem.ts';
import { Report } from '../config/report.ts';
import type { GlassRule } from '../rules/break-glass.ts';
import type { SignInDemand } from '../rules/sign-in.ts';
import { suggestion } from '../config/suggest.ts';
import { readYaml, type YamlFile } from '../config/yaml.ts';
import { groupsOf, type Need } from '../rules/quorum.ts';
import type { AutomaticApproval, Policy } from '../rules/verdict.ts';
import { checkApprovers } from './approvers.ts';
import { digestOf } from './digest.ts';
import { AnyTemplateFile, templateFile } from './file.ts';
import { hoursOf } from './hours.ts';
import { capOf, isPolicy, parsePolicies } from './policy.ts';
import { notifySteps, type NotifyStep } from './notify.ts';
import { scopeLanguages, type ScopeLanguage } from './scopes.ts';
import type { ResolvedTemplate, TemplateSet } from './template.ts';

export interface TemplateText {
  readonly file: string;
  readonly text: string;
}

export interface ParsedTemplates {
  /** Every template that is right by itself; to be used only if there are no problems. */
  readonly templates: TemplateSet;
  /** Where each of them stands, by id. */
  readonly files: ReadonlyMap<string, YamlFile>;
  readonly policy: Policy;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Longest template, in characters. A running broker reads them again whenever one changes, and must not stop for it. */
export const longestTemplate = 32 * 1024;

const Names = z.array(z.unknown()).catch([]);
const By = z.object({ by: Names }).catch({ by: [] });
const Approve = z
  .object({ by: Names, never: Names, all_of: z.array(By).catch([]) })
  .catch({ by: [], never: [], all_of: [] });

/** What a file refers to, as far as it can be seen whatever else is wrong with it: everything is told at once. */
const Mentions = z
  .object({
    target: z.unknown().optional(),
    scope: z.unknown().optional(),
    request: By,
    approve: Approve,
    break_glass: By,
    revoke: By,
    notify: Names,
  })
  .catch({
    target: undefined,
    scope: undefined,
    request: { by: [] },
    approve: { by: [], never: [], all_of: [] },
    break_glass: { by: [] },
    revoke: { by: [] },
    notify: [],
  });
type Mentions = z.output<typeof Mentions>;

/** Templates from the texts of their files. Pure; what is wrong is in the result, in reading order. */
export function parseTemplates(files: readonly TemplateText[], references: References): ParsedTemplates {
  const templates = new Map<string, ResolvedTemplate>();
  const written = new Map<string, YamlFile>();
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const { file, text } of files) {
    if (isPolicy(file)) continue;
    const document = readYaml(file, text, longestTemplate);
    const report = new Report(document);
    const template = parseOne(document, references, report);
    problems.push(...report.wrong);
    warnings.push(...report.warnings);
    if (!template) continue;
    const first = written.get(template.id)?.at(['template'], '');
    if (first)
      problems.push(
        document.at(
          ['template'],
          `"${template.id}" is taken already, by ${basename(first.file)}:${first.line}. Choose another name.`,
        ),
      );
    else {
      templates.set(template.id, template);
      written.set(template.id, document);
    }
  }
  const policies = files.filter(({ file }) => isPolicy(file));
  const { policy, problems: ofPolicy } = parsePolicies(policies, references, [...templates.keys()]);
  problems.push(...ofPolicy);
  return {
    templates,
    files: written,
    policy,
    problems: inReadingOrder(problems),
    warnings: inReadingOrder(warnings),
  };
}

function parseOne(document: YamlFile, references: References, report: Report): ResolvedTemplate | undefined {
  const mentions = Mentions.parse(document.value);
  const language = languageOf(mentions, references, report);
  const { value: written, problems } = check(document, fileSchema(language));
  report.wrong.push(...problems);
  checkGroups(mentions, references, report);
  const notify = notifySteps(mentions.notify, references, report);
  if (language?.schema.safeParse(mentions.scope).success === true)
    for (const { path, message } of language.issues(mentions.scope))
      report.isWrong(['scope', ...path], message);
  if (!written) return undefined;
  checkRest(written, document, references, report);
  return report.wrong.length > 0 ? undefined : resolved(written, notify);
}

const fileSchemas = new Map<ScopeLanguage | undefined, typeof AnyTemplateFile>();

/** Built once for each kind of target, which takes a while. */
function fileSchema(language: ScopeLanguage | undefined): typeof AnyTemplateFile {
  const known = fileSchemas.get(language);
  if (known) return known;
  const made = language ? templateFile(language.schema) : AnyTemplateFile;
  fileSchemas.set(language, made);
  return made;
}

function languageOf(
  { target: name }: Mentions,
  { targets }: References,
  report: Report,
): ScopeLanguage | undefined {
  if (typeof name !== 'string') return undefined;
  const target = targets.get(name);
  if (target) return scopeLanguages[target.kind];
  const known = suggestion(name, [...targets.keys()], 'The targets are');
  report.isWrong(['target'], `there is no target "${name}". ${known}`.trim());
  return undefined;
}

function checkGroups(
  { request, approve, break_glass, revoke }: Mentions,
  { groups }: References,
  report: Report,
): void {
  const named: [Path, readonly unknown[]][] = [
    [['request', 'by'], request.by],
    [['approve', 'by'], approve.by],
    [['approve', 'never'], approve.never],
    ...approve.all_of.map(({ by }, at): [Path, readonly unknown[]] => [['approve', 'all_of', at, 'by'], by]),
    [['break_glass', 'by'], break_glass.by],
    [['revoke', 'by'], revoke.by],
  ];
  for (const [path, names] of named)
    for (const [at, group] of names.entries())
      if (typeof group === 'string' && group !== '' && !groups.includes(group))
        report.isWrong([...path, at], unknownGroup(group, groups));
}

function checkRest(
  written: AnyTemplateFile,
  { file }: YamlFile,
  { schedules = new Map() }: References,
  report: Report,
): void {
  const { duration, approve, revoke, template } = written;
  if (secondsOf(duration.default) > secondsOf(duration.longest))
    report.isWrong(
      ['duration', 'default'],
      `is longer than the longest, ${spokenDuration(duration.longest)} (${duration.longest}).`,
    );
  if (approve !== 'nobody' && (approve.by === undefined) === (approve.all_of === undefined))
    report.isWrong(
      ['approve'],
      'should name either "by", groups of which somebody approves, or "all_of", several of those.',
    );
  if (approve !== 'nobody' && approve.all_of && approve.number !== undefined)
    report.isWrong(['approve', 'number'], 'belongs into each part of "all_of".');
  checkApprovers(approve, report);
  if (approve !== 'nobody')
    for (const [at, { on_call: name }] of (approve.automatic ?? []).entries())
      if (name !== undefined && !schedules.has(name))
        report.isWrong(
          ['approve', 'automatic', at, 'on_call'],
          `there is no schedule "${name}". ${suggestion(name, [...schedules.keys()], 'The schedules are')}`.trim(),
        );
  const demands = [
    [['mfa'], written.mfa],
    [['approve', 'mfa'], approve === 'nobody' ? undefined : approve.mfa],
  ] as const;
  for (const [path, mfa] of demands) {
    if (mfa && mfa.within === undefined && mfa.acr === undefined)
      report.isWrong(path, 'should say "within", "acr", or both. For example: { within: PT15M, acr: [mfa] }');
    if (mfa?.within !== undefined && mfa.acr === undefined)
      report.warn(path, 'has no "acr": how somebody signs in is left to the identity provider.');
  }
  if (approve === 'nobody' && !revoke)
    report.isWrong(
      ['approve'],
      'with "nobody" to approve, say who may end it early. For example: revoke: { by: [security] }',
    );
  checkBreakGlass(written, report);
  if (approve === 'nobody' && written.notify)
    report.isWrong(['notify'], 'tells people of requests that wait, and with "nobody" to approve none does.');
  const [name = '', folder = ''] = file
    .replace(/(\.daypass)?\.ya?ml$/i, '')
    .split(sep)
    .reverse();
  if (name !== template && `${folder}-${name}` !== template)
    report.warn(
      ['template'],
      `is called "${template}" in a file called "${name}". Alike, it is found sooner.`,
    );
}

function checkBreakGlass(written: AnyTemplateFile, report: Report): void {
  const { break_glass: glass, approve, duration, notify } = written;
  if (!glass) return;
  const path = ['break_glass'];
  if (approve === 'nobody') {
    report.isWrong(path, 'is for not waiting for approval, and with "nobody" to approve nobody waits.');
    return;
  }
  if (secondsOf(glass.longest) > secondsOf(duration.longest))
    report.isWrong(
      [...path, 'longest'],
      `is longer than with approval, ${spokenDuration(duration.longest)} (${duration.longest}).`,
    );
  if (!notify?.some((step) => 'tell' in step))
    report.warn(
      path,
      'is loud only where somebody hears it: where "notify" tells nobody, those alone are told who have their editor open.',
    );
  if (glassAcr(glass, written).length === 0)
    report.isWrong(
      path,
      'always takes a second factor, proved for it: say what your identity provider calls that. For example: acr: [mfa]',
    );
}

function resolved(written: AnyTemplateFile, notify: readonly NotifyStep[]): ResolvedTemplate {
  const { request, approve, revoke, documentation } = written;
  const needs = needsOf(approve);
  const content = {
    id: written.template,
    title: written.title,
    summary: written.summary,
    target: written.target,
    scope: written.scope,
    ...(documentation === undefined ? {} : { documentation }),
    duration: {
      defaultSeconds: secondsOf(written.duration.default),
      longestSeconds: secondsOf(written.duration.longest),
    },
    terminals: written.terminals,
    requestBy: request.by,
    ...(request.ticket ? { ticket: ticketOf(request.ticket) } : {}),
    ...(written.mfa ? { mfa: { ...signInDemand(written.mfa), at: [...new Set(written.mfa.at)] } } : {}),
    ...(approve !== 'nobody' && approve.mfa ? { approverMfa: signInDemand(approve.mfa) } : {}),
    needs,
    never: approve === 'nobody' ? [] : (approve.never ?? []),
    automatic: automaticOf(approve),
    ...(written.break_glass ? { breakGlass: glassRule(written.break_glass, written) } : {}),
    ...(notify.length > 0 ? { notify } : {}),
    revokeBy: revoke?.by ?? groupsOf(needs),
  };
  return { ...content, digest: digestOf(content) };
}

function needsOf(approve: AnyTemplateFile['approve']): Need[] {
  if (approve === 'nobody') return [];
  return approve.all_of ?? [{ by: approve.by ?? [], number: approve.number ?? 1 }];
}

function signInDemand({
  within,
  acr,
}: Pick<NonNullable<AnyTemplateFile['mfa']>, 'within' | 'acr'>): SignInDemand {
  return {
    ...(within === undefined ? {} : { withinSeconds: secondsOf(within) }),
    ...(acr === undefined ? {} : { acr }),
  };
}

type WrittenGlass = NonNullable<AnyTemplateFile['break_glass']>;

function glassRule(glass: WrittenGlass, written: AnyTemplateFile): GlassRule {
  return {
    by: glass.by,
    afterSeconds: glass.after === undefined ? 0 : secondsOf(glass.after),
    longestSeconds: secondsOf(glass.longest),
    acr: glassAcr(glass, written),
  };
}

/** What it says itself, else what the template demands otherwise; empty where nothing does. */
function glassAcr({ acr }: WrittenGlass, { approve, mfa }: AnyTemplateFile): readonly string[] {
  return acr ?? mfa?.acr ?? (approve === 'nobody' ? undefined : approve.mfa?.acr) ?? [];
}

function automaticOf(approve: AnyTemplateFile['approve']): AutomaticApproval[] {
  if (approve === 'nobody') return [];
  return (approve.automatic ?? []).map(({ on_call, up_to, hours, a_day }) => ({
    ...(on_call === undefined ? {} : { onCall: on_call }),
    ...(up_to === undefined ? {} : { upToSeconds: secondsOf(up_to) }),
    ...(hours ? { hours: hoursOf(hours) } : {}),
    ...(a_day ? { aDay: capOf(a_day) } : {}),
  }));
}

function ticketOf({ pattern, required, hint, link }: NonNullable<AnyTemplateFile['request']['ticket']>) {
  return {
    pattern,
    required,
    ...(hint === undefined ? {} : { hint }),
    ...(link === undefined ? {} : { link }),
  };
}
