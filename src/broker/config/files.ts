/** Why a file could not be read, in words that follow its name. */
export function failureOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'does not exist.';
    case 'EACCES':
    case 'EPERM':
      return 'cannot be read: permission denied.';
    case 'EISDIR':
      return 'is a folder, not a file.';
    default:
      return `cannot be read (${typeof code === 'string' ? code : 'unknown error'}).`;
  }
}
