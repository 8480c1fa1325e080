/** The world outside the Workers runtime: a receiver of webhooks and a mail server on loopback, in the process that runs the tests. */
import type { TestProject } from 'vitest/node';
import { startMailServer } from '../mail-server.ts';
import { startReceiver } from '../receiver.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    receiver: string;
    mailPort: number;
  }
}

export default async function outside(project: TestProject) {
  const receiver = await startReceiver();
  const mail = await startMailServer();
  project.provide('receiver', receiver.url);
  project.provide('mailPort', mail.port);
  return async () => {
    await receiver.close();
    await mail.close();
  };
}
