import { createHmac } from 'node:crypto';
import type { Secret } from '../../contract/secret.ts';
import type { WebhookConfig } from '../config/channels.ts';
import { isTrial, type Addressee, type Channel, type Facts, type Sent, type Trial } from './message.ts';
import { NotPosted, post } from './post.ts';

/** A signed call (Standard Webhooks 1.0.0): one id whatever the number of attempts, and each secret's signature. */
export function webhookChannel(config: WebhookConfig): Channel {
  return {
    name: config.name,
    kind: 'webhook',
    async send({ id, at, facts, to }, stop) {
      const body = JSON.stringify(payload(at, facts, to));
      const headers = signed({ id, at: new Date(), body }, config.secrets);
      try {
        const { status, retryAfterS } = await post(config.url, headers, body, stop);
        return outcome(status, retryAfterS);
      } catch (error) {
        if (error instanceof NotPosted) return { is: 'failed', why: error.message, again: true };
        throw error;
      }
    },
    close: () => undefined,
  };
}

/** "Webhook headers" of the specification. @param at of the attempt */
export function signed(
  { id, at, body }: { readonly id: string; readonly at: Date; readonly body: string },
  secrets: readonly Secret[],
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.reveal().replace(/^whsec_/, ''), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

/** "Payload structure": a type, when it happened, and what. Texts are as people wrote them; JSON needs no more. */
function payload(at: Date, facts: Facts | Trial, to: Addressee | undefined) {
  const timestamp = at.toISOString();
  const whom = to ? { to: { subject: to.subject, name: to.name } } : {};
  if (isTrial(facts)) return { type: 'test', timestamp, data: { organisation: facts.trialOf, ...whom } };
  const { stand, requestId, url, requester, template, target, allows, duration, reason, ticket, answerBy } =
    facts;
  return {
    type: `request.${stand.is.replace(' ', '_')}`,
    timestamp,
    data: {
      request: requestId,
      url,
      requester,
      template,
      target,
      allows,
      duration,
      reason,
      ...(ticket === undefined ? {} : { ticket }),
      answerBy: answerBy.toISOString(),
      by: stand.by,
      ...whom,
      ...(stand.why === undefined ? {} : { why: stand.why }),
    },
  };
}

function outcome(status: number, retryAfterS: number | undefined): Sent {
  if (status >= 200 && status < 300) return { is: 'sent' };
  const why = `it answered with status ${status}`;
  if (status === 410) return { is: 'failed', why: `${why}: it wants no more`, again: false, gone: true };
  if (status >= 300 && status < 400)
    return { is: 'failed', why: `${why}: redirects are not followed`, again: false };
  const again = status >= 500 || status === 429 || status === 408 || status === 425;
  return { is: 'failed', why, again, ...(retryAfterS === undefined ? {} : { afterSeconds: retryAfterS }) };
}
