import { proofOf } from './forms.ts';
import { markup, type Html } from './html.ts';
import { theirs } from './words.ts';

/** Who looks at a page. */
export interface Viewer {
  readonly id: string;
  readonly name: string;
  /** What their browser holds. */
  readonly session: string;
}

export const signOutPath = '/sign-out';

/** Beside every button: as whom it is pressed. */
export function who({ name, session }: Viewer): Html {
  return markup`<div class="who">
    <p>Signed in as <b>${theirs(name)}</b></p>
    <form method="post" action="${signOutPath}">
      ${proofOf(session, signOutPath)}<button class="plain">Not you? Sign out</button>
    </form>
  </div>`;
}
