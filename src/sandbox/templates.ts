import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the shop's templates say that its documentation is. */
const documentation = 'https://docs.shop.example/';

/** Copies templates, so that they can be edited while the sandbox runs, with links that lead to its own runbooks. */
export async function copyTemplates(from: string, to: string, site: string): Promise<void> {
  await cp(from, to, { recursive: true });
  for (const name of await readdir(to, { recursive: true })) {
    if (!/\.ya?ml$/.test(name)) continue;
    const text = await readFile(join(to, name), 'utf8');
    await writeFile(join(to, name), text.replaceAll(documentation, `${site}/`));
  }
}
