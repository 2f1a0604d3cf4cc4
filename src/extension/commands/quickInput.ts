import * as vscode from 'vscode';
import type { Disposable } from '../state/event.ts';

/** What became of one step: an answer, Back, or away (Escape, or the caller cancelled). */
export type Answer<T> =
  { readonly is: 'value'; readonly value: T } | { readonly is: 'back' } | { readonly is: 'cancelled' };

interface StepBase {
  readonly title: string;
  /** From 1; shown as `2/3` where there is more than one. */
  readonly step: number;
  readonly totalSteps: number;
  readonly canGoBack: boolean;
  readonly token?: vscode.CancellationToken;
}

export interface Choice<T> extends vscode.QuickPickItem {
  /** `undefined`: it says something and cannot be chosen. */
  readonly value?: T;
}

export interface PickStep<T> extends StepBase {
  readonly placeholder: string;
  readonly choices: readonly Choice<T>[];
  /** Preselected; otherwise the first. */
  readonly active?: Choice<T> | undefined;
  /** Choices for what was typed, before the others. */
  readonly typed?: (text: string) => readonly Choice<T>[];
  readonly button?: { readonly icon: string; readonly tooltip: string; readonly on: (value: T) => void };
  /** Calls back with new choices while the step is open. */
  readonly refresh?: (show: (choices: readonly Choice<T>[]) => void) => Disposable;
}

export interface InputStep extends StepBase {
  readonly prompt: string;
  /** Takes its place once it is known. Never rejects. */
  readonly promptToCome?: Promise<string | undefined>;
  readonly placeholder: string;
  readonly value: string;
  /** What to say of a text while it is typed; an `error` keeps it from being sent. */
  readonly check: (text: string) => Remark | undefined;
}

export interface Remark {
  readonly text: string;
  readonly kind: 'error' | 'info';
}

/** One choice out of several; type to filter. */
export function pick<T>(step: PickStep<T>): Promise<Answer<T>> {
  const input = vscode.window.createQuickPick<Choice<T>>();
  input.placeholder = step.placeholder;
  input.matchOnDescription = true;
  input.matchOnDetail = true;
  let choices = step.choices;
  const show = (text: string): void => {
    const typed = text && step.typed ? step.typed(text) : [];
    input.items = [...typed, ...choices];
    const [first] = typed;
    if (first) input.activeItems = [first];
  };
  show('');
  const active = step.active ?? choices.find((choice) => choice.value !== undefined);
  if (active) input.activeItems = [active];
  return run<T>(input, step, (settle) => [
    input.onDidChangeValue((text) => {
      if (step.typed) show(text);
    }),
    input.onDidAccept(() => {
      const value = input.selectedItems[0]?.value ?? input.activeItems[0]?.value;
      if (value !== undefined) settle({ is: 'value', value });
    }),
    ...(step.refresh
      ? [
          step.refresh((next) => {
            choices = next;
            show(input.value);
          }),
        ]
      : []),
    ...(step.button
      ? [
          input.onDidTriggerItemButton(({ item }) => {
            if (item.value !== undefined) step.button?.on(item.value);
          }),
        ]
      : []),
  ]);
}

/** One line of text, checked as it is typed. */
export function ask(step: InputStep): Promise<Answer<string>> {
  const input = vscode.window.createInputBox();
  input.prompt = step.prompt;
  void step.promptToCome?.then((prompt) => {
    if (prompt !== undefined) input.prompt = prompt;
  });
  input.placeholder = step.placeholder;
  input.value = step.value;
  const severity = {
    error: vscode.InputBoxValidationSeverity.Error,
    info: vscode.InputBoxValidationSeverity.Info,
  };
  const say = (remark: Remark | undefined): void => {
    input.validationMessage = remark ? { message: remark.text, severity: severity[remark.kind] } : undefined;
  };
  const gentle = (remark: Remark | undefined): Remark | undefined => (input.value ? remark : undefined);
  say(gentle(step.check(input.value)));
  return run<string>(input, step, (settle) => [
    input.onDidChangeValue((text) => say(gentle(step.check(text)))),
    input.onDidAccept(() => {
      const remark = step.check(input.value);
      if (remark?.kind === 'error') say(remark);
      else settle({ is: 'value', value: input.value });
    }),
  ]);
}

function run<T>(
  input: vscode.QuickPick<Choice<T>> | vscode.InputBox,
  { title, step, totalSteps, canGoBack, token }: StepBase,
  listen: (settle: (answer: Answer<T>) => void) => readonly Disposable[],
): Promise<Answer<T>> {
  input.title = title;
  if (totalSteps > 1) {
    input.step = step;
    input.totalSteps = totalSteps;
  }
  // A ticket's number is looked up in a browser: what was typed must not be gone on return.
  input.ignoreFocusOut = true;
  if (canGoBack) input.buttons = [vscode.QuickInputButtons.Back];
  return new Promise((resolve) => {
    const subscriptions: Disposable[] = [];
    let settled = false;
    const settle = (answer: Answer<T>): void => {
      if (settled) return;
      settled = true;
      for (const subscription of subscriptions) subscription.dispose();
      input.dispose();
      resolve(answer);
    };
    subscriptions.push(
      ...listen(settle),
      input.onDidHide(() => settle({ is: 'cancelled' })),
      input.onDidTriggerButton((button) => {
        if (button === vscode.QuickInputButtons.Back) settle({ is: 'back' });
      }),
    );
    if (token) subscriptions.push(token.onCancellationRequested(() => settle({ is: 'cancelled' })));
    if (token?.isCancellationRequested) settle({ is: 'cancelled' });
    else input.show();
  });
}
