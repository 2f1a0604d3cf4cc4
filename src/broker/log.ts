import pino, { type DestinationStream, type Logger } from 'pino';

const secretNames = [
  'authorization',
  'dpop',
  'cookie',
  'password',
  'verifier',
  'token',
  'access_token',
  'secret',
];

/**
 * The broker's log: JSON, a line each, to standard output unless told otherwise. Of an error it keeps name, code, words,
 * place and cause, and drops what libraries hang on it: statements, rows, tokens, addresses with passwords.
 */
export function openLog(options: { level?: string; to?: DestinationStream } = {}): Logger {
  return pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      redact: {
        paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[secret]',
      },
      serializers: { err: plainError, error: plainError },
    },
    options.to ?? pino.destination(1),
  );
}

function plainError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined || depth > 4 ? {} : { cause: plainError(error.cause, depth + 1) }),
  };
}
