import { guard } from '$lib/shell/guard.server.ts';
import type { LayoutServerLoad } from './$types';

export const load: LayoutServerLoad = (event) => guard(event);
