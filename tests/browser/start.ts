/** Starts one server for all browser tests, unless BASE_URL names one that runs already. Its demo credentials go through the environment. */
import { freshFolder, startServer } from '../journeys/server.ts';

export default async function start() {
  if (process.env.BASE_URL) return;
  const folder = freshFolder();
  const server = await startServer({ port: 8799, dataDir: folder.dataDir });
  process.env.DEMO_EMAIL = 'demo@example.com';
  process.env.DEMO_PASSWORD = server.password;
  process.env.DEMO_API_KEY = server.apiKey;
  return async () => {
    await server.stop();
    folder.remove();
  };
}
