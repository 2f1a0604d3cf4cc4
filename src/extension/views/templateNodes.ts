import { spokenDuration } from '../../contract/durations.ts';
import { needsOf, needWords } from '../../contract/needs.ts';
import type { TemplateList } from '../../contract/templates.ts';
import type { Template } from '../state/world.ts';
import { inOrder } from './order.ts';
import { either, inShort, signInWords, tlsWarning } from './words.ts';

/** An item of the view "Templates"; `id` is stable. */
export type TemplateNode =
  | {
      readonly is: 'target';
      readonly id: string;
      readonly label: string;
      readonly children: readonly TemplateNode[];
    }
  | {
      readonly is: 'template';
      readonly id: string;
      readonly templateId: string;
      readonly label: string;
      readonly description: string;
      readonly tooltip: readonly string[];
      readonly documented: boolean;
      readonly children: readonly TemplateNode[];
    }
  | {
      readonly is: 'line';
      readonly id: string;
      readonly icon: 'check' | 'clock' | 'person' | 'tag' | 'key' | 'warning' | 'book';
      readonly label: string;
      /** Of the template whose documentation a click opens. */
      readonly templateId?: string;
    };

/** What can be requested, by target, each with what it allows, for how long, who must agree. */
export function templateNodes(list: TemplateList | undefined): TemplateNode[] {
  const byTarget = new Map<string, Template[]>();
  for (const template of (list?.templates ?? []).toSorted(inOrder)) {
    const { id } = template.target;
    const others = byTarget.get(id);
    if (others) others.push(template);
    else byTarget.set(id, [template]);
  }
  return [...byTarget].map(([id, templates]): TemplateNode => ({
    is: 'target',
    id: `target ${id}`,
    label: templates[0]?.target.title ?? id,
    children: templates.map(templateNode),
  }));
}

function templateNode(template: Template): TemplateNode {
  const line = (icon: 'check' | 'clock' | 'person' | 'tag' | 'key' | 'warning', label: string, at = 0) => ({
    is: 'line' as const,
    id: `${template.id} ${icon} ${at}`,
    icon,
    label,
  });
  const { longest, default: usual } = template.duration;
  const lines: TemplateNode[] = [
    ...template.allows.map((allowed, at) => line('check', allowed, at)),
    line(
      'clock',
      longest === usual
        ? `Up to ${spokenDuration(longest)}`
        : `Up to ${spokenDuration(longest)}, usually ${spokenDuration(usual)}`,
    ),
    line('person', approvalOf(template)),
    ...(template.ticket?.required ? [line('tag', 'Needs a ticket')] : []),
    ...(template.mfa ? [line('key', signInWords(template.mfa))] : []),
    ...warningOf(template).map((text) => line('warning', text)),
  ];
  return {
    is: 'template',
    id: `template ${template.id}`,
    templateId: template.id,
    label: template.title,
    description: inShort(template),
    tooltip: [template.summary, ...lines.map((one) => one.label)],
    documented: template.documentation !== undefined,
    children:
      template.documentation === undefined
        ? lines
        : [
            ...lines,
            {
              is: 'line',
              id: `${template.id} book`,
              icon: 'book',
              label: 'Documentation',
              templateId: template.id,
            },
          ],
  };
}

function approvalOf(template: Template): string {
  const words = needWords(needsOf(template));
  return words ? `${words.charAt(0).toUpperCase()}${words.slice(1)} must approve` : 'No approval needed';
}

function warningOf({ target }: Template): string[] {
  const warning = tlsWarning(target.tls);
  return warning === undefined ? [] : [`The connection is ${warning}`];
}

/** Why the list is empty and whom to ask; undefined if it is not, or not known yet. */
export function whyEmpty(list: TemplateList | undefined): string | undefined {
  if (!list || list.templates.length > 0) return undefined;
  const { forGroups = [], yourGroups = [], ask } = list.empty ?? {};
  const whose = forGroups.length
    ? `Templates appear for members of ${either(forGroups)}; you are in ${yourGroups.length ? either(yourGroups, 'and') : 'no group'}.`
    : 'Your organisation has no templates yet.';
  return `Nothing here yet. ${whose}${ask === undefined ? '' : ` Ask ${ask}.`}`;
}
