import type { Telling } from './telling.ts';

/**
 * Who was told of a request, who is next and whom to call, a piece each: `Ben told 2 min ago`, `Eva in 3 min`,
 * `or call +49 30 1234`. What was not needed is not said.
 * @param now the broker's time, ms
 */
export function toldInWords(told: readonly Telling[] = [], now: number): string[] {
  const pieces = told.flatMap((step) => {
    switch (step.is) {
      case 'told':
        return [`${step.who} told ${since(now - Date.parse(step.at))}`];
      case 'next':
        return [`${step.who} ${until(Date.parse(step.at) - now)}`];
      case 'not reached':
        return [`${step.who} could not be reached`];
      case 'nobody':
        return ['nobody is known to be on call'];
      case 'nobody else':
        return ['nobody else is on call'];
      case 'not needed':
      case 'call':
        return [];
    }
  });
  const numbers = told.flatMap((step) => (step.is === 'call' ? [step.number] : []));
  return [...pieces, ...numbers.map((number) => `${told.length > 1 ? 'or call' : 'call'} ${number}`)];
}

const since = (ms: number) => (ms < 60_000 ? 'just now' : `${span(Math.floor(ms / 60_000))} ago`);

/** What is due is on its way. */
function until(ms: number): string {
  if (ms <= 0) return 'is being told';
  return ms < 60_000 ? 'in less than a minute' : `in ${span(Math.ceil(ms / 60_000))}`;
}

const span = (minutes: number) => (minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`);
