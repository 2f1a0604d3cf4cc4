import * as vscode from 'vscode';
import { broken, inert, inShort } from '../../views/words.ts';
import type { Services } from '../../services.ts';
import type { Grant, Template } from '../../state/world.ts';
import { shortTime } from '../../views/countdown.ts';
import { lastUsedFirst } from '../../views/order.ts';
import { standingOf } from '../../views/standing.ts';
import { ask, pick, type Choice } from '../quickInput.ts';
import { checkReason, checkTicket } from './checks.ts';
import { durationChoices, typedDuration } from './durations.ts';
import type { StepAnswer } from './drive.ts';
import { outlookInWords } from './outlook.ts';
import { stepsOf, type Position } from './flow.ts';
import { troubleInWords, type Scout } from './trouble.ts';

/** What a step needs to be shown. */
export interface Stage {
  readonly services: Services;
  readonly position: Position;
  readonly token: vscode.CancellationToken | undefined;
  readonly lastUsed: readonly string[];
  readonly scout: Scout | undefined;
}

/** Shows the step at which a flow stands. */
export function askStep(stage: Stage): Promise<StepAnswer> {
  const { step, draft } = stage.position;
  const { template } = draft;
  if (step === 'template' || !template) return templateStep(stage);
  switch (step) {
    case 'duration':
      return durationStep(stage, template);
    case 'ticket':
      return ticketStep(stage, template);
    case 'trouble':
      return troubleStep(stage, template);
    case 'reason':
    case 'send':
      return reasonStep(stage, template);
  }
}

function frame({ position, token }: Stage) {
  const steps = stepsOf(position).filter((step) => step !== 'send' && step !== 'trouble');
  const { template } = position.draft;
  const at = steps.findIndex((step) => step === position.step);
  return {
    title:
      template && position.step !== 'template'
        ? `${template.title} on ${template.target.title}`
        : 'Production access',
    step: at < 0 ? steps.length : at + 1,
    totalSteps: steps.length,
    canGoBack: at !== 0,
    ...(token ? { token } : {}),
  };
}

type Given = { readonly template: Template } | { readonly open: Grant };

async function templateStep(stage: Stage): Promise<StepAnswer> {
  const { services, position, lastUsed } = stage;
  const choices = templateChoices(services, lastUsed);
  const documentation = (given: Given): void => {
    const url = 'template' in given ? given.template.documentation : undefined;
    if (url !== undefined) void vscode.env.openExternal(vscode.Uri.parse(url, true));
  };
  return pick<Given>({
    ...frame(stage),
    placeholder: 'What do you need to do?',
    choices: [...saying<Given>(position.notice), ...choices],
    active: choices.find(
      ({ value }) => value && 'template' in value && value.template.id === position.draft.template?.id,
    ),
    button: { icon: 'book', tooltip: 'Documentation', on: documentation },
    // What may be requested can change while the list is open.
    refresh: (show) =>
      services.store.onDidChange(({ before, now }) => {
        if (before.templates !== now.templates || before.grants !== now.grants)
          show([...saying<Given>(position.notice), ...templateChoices(services, lastUsed)]);
      }),
  });
}

function templateChoices({ store, clock }: Services, lastUsed: readonly string[]): Choice<Given>[] {
  const standing = standingOf(store.world, clock.now());
  const open: Choice<Given>[] = [
    ...standing.ready.map((grant) => ({
      label: `$(shield) ${grant.template.title}`,
      description: `${grant.template.target.title} · approved, open a terminal`,
      value: { open: grant },
    })),
    ...standing.running
      .filter(({ grant }) => grant.may.openTerminal)
      .map(({ grant, remainingMs }) => ({
        label: `$(shield) ${grant.template.title}`,
        description: `${grant.template.target.title} · ${shortTime(remainingMs)} left, open another terminal`,
        value: { open: grant },
      })),
  ];
  const templates = [...(store.world.templates?.templates ?? [])]
    .sort(lastUsedFirst(lastUsed))
    .map((template): Choice<Given> => ({
      label: template.title,
      description: `${template.target.title} · ${inShort(template)}`,
      detail: template.summary,
      ...(template.documentation === undefined
        ? {}
        : { buttons: [{ iconPath: new vscode.ThemeIcon('book'), tooltip: 'Documentation' }] }),
      value: { template },
    }));
  if (open.length === 0) return templates;
  const separator = (label: string): Choice<Given> => ({ label, kind: vscode.QuickPickItemKind.Separator });
  // What is asked for stays first under the cursor: asking is what the command is for.
  return [...templates, separator('you have already'), ...open];
}

/** Characters that a line of a quick pick holds. */
const lineWidth = 76;

/** A notice as lines above the choices: the field itself would cut it off, and lose it at the first key. */
function saying<T>(notice: string | undefined): Choice<T>[] {
  return broken(notice ?? '', lineWidth, 4).map((line, at) => ({
    label: `$(${at ? 'blank' : 'warning'}) ${inert(line)}`,
    alwaysShow: true,
  }));
}

async function durationStep(stage: Stage, template: Template): Promise<StepAnswer> {
  const { position } = stage;
  const asChoice = ({ label, duration }: { label: string; duration?: string }): Choice<string> => ({
    label,
    alwaysShow: true,
    ...(duration === undefined ? {} : { value: duration }),
  });
  const choices = durationChoices(template).map(asChoice);
  const answer = await pick<string>({
    ...frame(stage),
    placeholder: 'For how long? Choose, or type the minutes',
    choices: [...saying<string>(position.notice), ...choices],
    active: choices.find(({ value }) => value === position.draft.duration),
    typed: (text) => typedDuration(text, template).map(asChoice),
  });
  return answer.is === 'value' ? { is: 'value', value: { duration: answer.value } } : answer;
}

async function reasonStep(stage: Stage, template: Template): Promise<StepAnswer> {
  const { position } = stage;
  const reader = template.approval.needed
    ? 'The people who approve will read this.'
    : 'It stands in the audit log.';
  const ticket = template.ticket?.required ? ' Name the ticket here, or in the next step.' : '';
  const answer = await ask({
    ...frame(stage),
    prompt: position.notice ? inert(position.notice) : `Why? ${reader}${ticket}`,
    ...(position.notice
      ? {}
      : { promptToCome: outlook(stage, template).then((words) => words && `Why? ${words}${ticket}`) }),
    placeholder: 'For example: order 4711 is stuck after a payment retry',
    value: position.draft.reason ?? '',
    check: (text) => checkReason(text, template),
  });
  return answer.is === 'value' ? { is: 'value', value: { reason: answer.value.trim() } } : answer;
}

/** Who will read the reason; undefined where the broker does not say: then it is told when it is asked for. */
async function outlook({ services, position }: Stage, template: Template): Promise<string | undefined> {
  try {
    const duration = position.draft.duration ?? template.duration.default;
    const found = await services.api.call('outlook', {
      params: { template: template.id },
      query: { duration },
    });
    return inert(outlookInWords(found));
  } catch (error) {
    services.log.warn('What would become of the request could not be asked.', error);
    return undefined;
  }
}

async function ticketStep(stage: Stage, template: Template): Promise<StepAnswer> {
  const { position } = stage;
  const answer = await ask({
    ...frame(stage),
    prompt: position.notice ? inert(position.notice) : 'Which ticket is it for?',
    placeholder: template.ticket?.hint ?? template.ticket?.pattern ?? '',
    value: position.draft.ticket ?? '',
    check: (text) => checkTicket(text, template),
  });
  return answer.is === 'value' ? { is: 'value', value: { ticket: answer.value.trim() } } : answer;
}

/** Says, before anybody is asked, what would keep the access from being used here. */
async function troubleStep(stage: Stage, template: Template): Promise<StepAnswer> {
  const { scout } = stage;
  const troubles = scout?.known ?? [];
  const missing = troubles.find((trouble) => trouble.is === 'psql missing');
  const answer = await pick<'go on' | 'again' | 'copy'>({
    ...frame(stage),
    placeholder: 'Ask all the same?',
    choices: [
      ...troubles.flatMap((trouble) => saying<'go on'>(troubleInWords(trouble, template))),
      { label: 'Ask anyway', value: 'go on' },
      { label: 'Look again', value: 'again' },
      ...(missing
        ? [
            {
              label: 'Copy the command that installs psql',
              description: missing.install,
              value: 'copy' as const,
            },
          ]
        : []),
    ],
  });
  if (answer.is !== 'value') return answer;
  if (answer.value === 'go on') return { is: 'value', value: { accepted: scout?.key ?? '' } };
  if (missing && answer.value === 'copy') await vscode.env.clipboard.writeText(missing.install);
  else await scout?.again();
  if (scout && scout.key === undefined) return { is: 'value', value: {} };
  return troubleStep(stage, template);
}
