/** The benches' provider, a process of its own: answers at once or after argv[2] ms. Prints its base URL. */
import { startUpstream } from '../tests/journeys/upstream.ts';

const upstream = await startUpstream({ delayMs: Number(process.argv[2] ?? 0) });
console.log(upstream.url);
