/** The HTTP application: request id, body limits, who is calling, what they may do, then one file per resource. */
import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { services } from '../services.ts';
import { CouldNotAsk } from '../store/judge.ts';
import { authenticate } from './auth.ts';
import { answerTo, bugResponse, Refused, refusalResponse } from './errors.ts';
import { connectionDependents } from './connection-dependents.ts';
import { dataSources } from './data-sources.ts';
import { deadLetters } from './dead-letters.ts';
import { deliveries } from './deliveries.ts';
import { estimate } from './estimate.ts';
import { decisions } from './decisions.ts';
import { executions } from './executions.ts';
import { anthropicGateway } from './gateway/anthropic-messages.ts';
import { geminiGateway } from './gateway/gemini.ts';
import { openaiGateway } from './gateway/openai-chat.ts';
import { embeddingsGateway } from './gateway/openai-embeddings.ts';
import { responsesGateway } from './gateway/openai-responses.ts';
import { guardrailRoutes } from './guardrails.ts';
import { groups } from './groups.ts';
import { health } from './health.ts';
import { hooks } from './hooks.ts';
import { integrations } from './integrations.ts';
import { invitations } from './invitations.ts';
import { keys } from './keys.ts';
import { forTheLog } from './log.ts';
import { live } from './live.ts';
import { me } from './me.ts';
import { members } from './members.ts';
import { nodeTypes } from './node-types.ts';
import { operator } from './operator.ts';
import { modelRoutes } from './model-routes.ts';
import { metrics } from './metrics.ts';
import { models } from './models.ts';
import { nodeOutputs } from './node-outputs.ts';
import { notificationChannels } from './notification-channels.ts';
import { outputs } from './outputs.ts';
import { promptRuns } from './prompt-runs.ts';
import { prompts } from './prompts.ts';
import { newRoutes, type AppEnv } from './routes.ts';
import { replays } from './replays.ts';
import { reprice } from './reprice.ts';
import { runs } from './runs.ts';
import { schedules } from './schedules.ts';
import { signIn } from './sign-in.ts';
import { teams } from './teams.ts';
import { webhooks } from './webhooks.ts';
import { workflowAlerts } from './workflow-alerts.ts';
import { workflowEstimate } from './workflow-estimate.ts';
import { workflowVersions } from './workflow-versions.ts';
import { workflows } from './workflows.ts';
import { tokenTracking } from './token-tracking/index.ts';
import { logLine } from '../domain/log-line.ts';

/** Files, with a limit of their own in their route. */
const OWN_LIMIT = ['/api/data-sources', '/api/token-tracking/invoices'];
export const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Builds the application; the chain's type is the Api that web/src/lib/api.ts speaks. */
export function createApp() {
  const app = newRoutes();
  app.use('*', async function requestId(c, next) {
    c.set(
      'requestId',
      c.req.header('x-request-id')?.match(/^[\w-]{8,64}$/)?.[0] ??
        `req_${crypto.randomUUID().replaceAll('-', '')}`,
    );
    c.set('services', services(c.env));
    await next();
    c.res.headers.set('x-request-id', c.get('requestId'));
  });
  const limitBody = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (c) =>
      refusalResponse(c, {
        reason: 'too_large',
        message: `The body is larger than ${MAX_BODY_BYTES} bytes.`,
        limitBytes: MAX_BODY_BYTES,
      }),
  });
  app.use('*', function limitBodies(c, next) {
    // files are streamed and have a limit of their own (data-sources.ts)
    return c.req.method === 'POST' && OWN_LIMIT.includes(c.req.path) ? next() : limitBody(c, next);
  });
  app.use('*', authenticate);
  app.onError(function toAnswer(error, c) {
    if (error instanceof Refused) return refusalResponse(c, error.refusal);
    if (error instanceof CouldNotAsk) {
      console.error(logLine({ level: 'error', requestId: c.get('requestId'), message: error.message }));
      return refusalResponse(c, { reason: 'budget_unavailable' });
    }
    if (error instanceof HTTPException && error.status === 400)
      return refusalResponse(c, { reason: 'malformed', message: 'The body is not valid JSON.' });
    console.error(
      logLine({
        level: 'error',
        requestId: c.get('requestId'),
        path: c.req.path,
        ...forTheLog(error),
      }),
    );
    return bugResponse(c);
  });
  app.notFound((c) =>
    refusalResponse(c, { reason: 'not_found', message: `There is no ${c.req.method} ${c.req.path}.` }),
  );

  const api = app
    .route('/', health)
    .route('/', signIn)
    .route('/', operator)
    .route('/', me)
    .route('/', teams)
    .route('/', members)
    .route('/', groups)
    .route('/', invitations)
    .route('/', keys)
    .route('/', guardrailRoutes)
    .route('/', nodeTypes)
    .route('/', workflows)
    .route('/', workflowVersions)
    .route('/', workflowAlerts)
    .route('/', webhooks)
    .route('/', hooks)
    .route('/', schedules)
    .route('/', deadLetters)
    .route('/', workflowEstimate)
    // before /api/executions/:id: `stats` is no execution
    .route('/', metrics)
    .route('/', executions)
    .route('/', decisions)
    .route('/', replays)
    .route('/', nodeOutputs)
    .route('/', outputs)
    .route('/', dataSources)
    .route('/', prompts)
    .route('/', promptRuns)
    .route('/', runs)
    .route('/', integrations)
    .route('/', connectionDependents)
    .route('/', openaiGateway)
    .route('/', responsesGateway)
    .route('/', embeddingsGateway)
    .route('/', anthropicGateway)
    .route('/', geminiGateway)
    .route('/', models)
    .route('/', modelRoutes)
    .route('/', reprice)
    .route('/', estimate)
    .route('/', tokenTracking)
    .route('/', notificationChannels)
    .route('/', deliveries)
    .route('/', live);
  app.doc31('/api/openapi.json', { openapi: '3.1.0', info: { title: 'Prompt Manage', version: '0.1.0' } });
  return api;
}

export type Api = ReturnType<typeof createApp>;
export { answerTo, OpenAPIHono, type AppEnv };
