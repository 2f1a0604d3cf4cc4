/** The store cannot be used as it is; the message is for whoever runs the broker: what, what it means, what to do. */
export class StoreUnusable extends Error {
  override readonly name = 'StoreUnusable';
}
