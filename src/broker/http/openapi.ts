import type { FastifyInstance } from 'fastify';
import { openApi } from '../../contract/openapi.ts';

/** `GET /openapi.json`: the contract of this very broker, OpenAPI 3.1. */
export function openApiRoute(app: FastifyInstance, about: { version: string; publicUrl: string }): void {
  const document = JSON.stringify(openApi(about));
  app.get('/openapi.json', { config: { open: true } }, (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(document),
  );
}
