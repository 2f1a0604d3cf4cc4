import type { FastifyInstance } from 'fastify';
import { eventsPath } from '../../contract/routes.ts';
import type { Hub } from '../events/hub.ts';
import { Refusal } from './problem.ts';
import { commonHeaders } from './server.ts';

/** What a client may leave unread before it is dropped. */
const mostUnread = 256 * 1024;

/** `GET /v1/events`: what the caller may know of, as it happens (server-sent events). Open streams end with the server. */
export function eventRoute(app: FastifyInstance, hub: Hub): void {
  app.addHook('preClose', (done) => {
    hub.close();
    done();
  });
  app.route({
    method: 'GET',
    url: eventsPath,
    exposeHeadRoute: false,
    handler: (request, reply) => {
      const { caller } = request;
      if (!caller) throw new Error('A stream without a caller.');
      const seconds = hub.makeRoom(caller.id);
      if (seconds !== undefined)
        throw new Refusal('too-many-calls', 'You have too many windows connected. Close some of them.', {
          retryAfterSeconds: seconds,
        });
      reply.hijack();
      const response = reply.raw;
      response.writeHead(200, {
        ...commonHeaders(request.protocol === 'https'),
        'content-type': 'text/event-stream',
        'cache-control': 'no-store, no-transform',
        connection: 'close',
        // nginx and those that follow it hold a response back otherwise.
        'x-accel-buffering': 'no',
      });
      response.socket?.setNoDelay(true);
      const lastEventId = request.headers['last-event-id'];
      const leave = hub.join({
        who: caller,
        tokenEnds: caller.expiresAt,
        lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
        write: (text) => response.write(text) || response.writableLength < mostUnread,
        end: () => response.end(),
        drop: () => response.destroy(),
      });
      response.on('close', leave);
      response.on('error', leave);
    },
  });
}
