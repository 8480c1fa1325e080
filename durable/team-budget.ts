/** The only judge of one team's money. */
import { DurableObject } from 'cloudflare:workers';

export class TeamBudget extends DurableObject<Env> {}
