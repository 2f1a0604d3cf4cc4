import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import type { Template } from '../state/world.ts';
import { idIn } from './names.ts';
import { inert } from '../views/words.ts';

/** Opens what the organisation wrote about a task. */
export async function openDocumentation({ store }: Services, argument: unknown): Promise<void> {
  const template = named(store.world, argument) ?? (await choose(store.world.templates?.templates ?? []));
  if (!template) return;
  if (template.documentation === undefined)
    void vscode.window.showInformationMessage(inert(`“${template.title}” has no documentation.`));
  else await vscode.env.openExternal(vscode.Uri.parse(template.documentation, true));
}

function named(
  { templates, grants, requests }: Services['store']['world'],
  argument: unknown,
): Template | undefined {
  const [templateId, grantId, requestId] = [
    idIn(argument, 'templateId'),
    idIn(argument, 'grantId'),
    idIn(argument, 'requestId'),
  ];
  return (
    grants.get(grantId ?? '')?.template ??
    requests.get(requestId ?? '')?.template ??
    templates?.templates.find(({ id }) => id === templateId)
  );
}

async function choose(templates: readonly Template[]): Promise<Template | undefined> {
  const documented = templates.filter((template) => template.documentation !== undefined);
  if (documented.length === 0) {
    void vscode.window.showInformationMessage('No template that you may request has documentation.');
    return undefined;
  }
  const chosen = await vscode.window.showQuickPick(
    documented.map((template) => ({
      label: template.title,
      description: template.target.title,
      template,
    })),
    { placeHolder: 'Documentation for which task?' },
  );
  return chosen?.template;
}
