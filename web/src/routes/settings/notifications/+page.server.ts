import { call } from '$lib/api.ts';
import type { ChannelList } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch }) => ({
  channels: await call<ChannelList>('/api/notification-channels', { fetch }),
});
