import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSchemas } from '../../broker/templates/schemas.ts';

/** Writes the JSON Schemas of the files that people write into a folder, which is made if need be. */
export async function schemas({ out }: { readonly out: string }): Promise<void> {
  await mkdir(out, { recursive: true });
  for (const [name, schema] of fileSchemas())
    await writeFile(join(out, name), `${JSON.stringify(schema, undefined, 2)}\n`);
}
