/** The owner of one execution's state. */
import { DurableObject } from 'cloudflare:workers';

export class WorkflowRun extends DurableObject<Env> {}
