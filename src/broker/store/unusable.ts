/** The store cannot be used as it is; the message is for whoever runs the broker: what, what it means, what to do. */
export class StoreUnusable extends Error {
  override readonly name = 'StoreUnusable';
}

/** SQLSTATE classes and codes (connection exceptions, shutting down, starting up, full) and errors of sockets. */
const away =
  /^(08...|57P0[1-5]|53300|ECONN(REFUSED|RESET|ABORTED)|ETIMEDOUT|EPIPE|E(HOST|NET)UNREACH|ENOTFOUND|EAI_AGAIN)$/;
/** What `pg` and its pool say in errors without a code. */
const awayWords =
  /^(timeout exceeded when trying to connect|connection terminated|query read timeout|timeout expired|client (has encountered a connection error|was closed))/i;

/** Whether an error means that the database could not be reached, or went away, rather than that it refused. */
export function isAway(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    const code = (one as NodeJS.ErrnoException).code;
    if (code === undefined ? awayWords.test(one.message) : away.test(code)) return true;
  }
  return false;
}
