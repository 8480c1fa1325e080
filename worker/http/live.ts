/** GET /api/live: the WebSocket on which a team hears what is spent, alerted and executed. The team's object holds it. */
import { CouldNotAsk, teamStub } from '../store/judge.ts';
import { Refused } from './errors.ts';
import { newRoutes } from './routes.ts';

/** The object hears "upgrade" and nothing else of the caller's request. */
async function connect(env: Env, teamId: string): Promise<WebSocket> {
  try {
    const answer = await teamStub(env, teamId).fetch(
      new Request('https://team/live', { headers: { upgrade: 'websocket' } }),
    );
    if (answer.webSocket) return answer.webSocket;
    throw new Error(`it answered ${answer.status}`);
  } catch (error) {
    throw new CouldNotAsk('live', error);
  }
}

const routes = newRoutes();
routes.get('/api/live', async (c) => {
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket')
    throw new Refused({ reason: 'malformed', message: 'Connect with a WebSocket.', param: 'upgrade' });
  return new Response(null, { status: 101, webSocket: await connect(c.env, c.get('actor').teamId) });
});

export const live = routes;
