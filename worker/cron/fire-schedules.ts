/** Fires what is due on schedules (engine.md rule 14): claims, then begins. What one minute does not manage the next one does. */
import type { Services } from '../services.ts';
import { claimDueSchedules, makeFires } from '../store/schedule-fires.ts';

const MINUTES_SHARE_MS = 25_000;

export async function fireSchedules(services: Services): Promise<void> {
  const untilMs = services.now() + MINUTES_SHARE_MS;
  const mayGoOn = () => services.now() < untilMs;
  await claimDueSchedules(services, mayGoOn);
  await makeFires(services, mayGoOn);
}
