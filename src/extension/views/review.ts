import { fromTheFirstTerminal, openNow, unverified } from '../../contract/words.ts';
import type { AccessRequest } from '../state/world.ts';
import { broken, why } from './words.ts';

export interface Line {
  readonly icon: string;
  readonly label: string;
  /** The whole text where the label is a part of it. */
  readonly whole?: string;
}

/**
 * What somebody who decides must know, below the line that says who and for what, in the order in which it matters:
 * why, what exactly, how long, what else.
 */
export function reviewLines(request: AccessRequest): Line[] {
  const { template } = request;
  return [
    // What is read first is what was written for whoever decides.
    ...inSidebar('comment', why(request)),
    ...template.allows.map((label) => ({ icon: 'check', label })),
    { icon: 'clock', label: fromTheFirstTerminal(request) },
    ...unverified(request).map((label) => ({ icon: 'warning', label })),
    ...openNow(request).map((label) => ({ icon: 'server', label })),
  ];
}

/** A text in as many lines as it needs, up to a few: a sidebar cuts long ones off. */
export function inSidebar(icon: string, whole: string): Line[] {
  return broken(whole, sidebarWidth, mostLines).map((label, at) => ({
    icon: at ? 'blank' : icon,
    label,
    whole,
  }));
}

/** Characters that a line two levels deep holds in a sidebar of the usual width. */
const sidebarWidth = 28;
const mostLines = 4;
