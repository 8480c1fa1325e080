/** Counts tokens off the page's thread, with the server's own counter; the ranks are fetched on the first count. */
import { createTokenCounter, type Count, type CountedChat, type ModelName } from '$domain/cost/count.ts';

export interface CountQuestion {
  id: number;
  model: ModelName;
  chat: CountedChat;
}
export interface CountReply {
  id: number;
  count: Count;
}

const counter = createTokenCounter({
  loadRanks: async (encoding) => {
    const response = await fetch(`/tokenizer/${encoding}.json`);
    if (!response.ok) throw new Error(`tokenizer/${encoding}.json: ${response.status}`);
    return response.json();
  },
  yieldNow: () => new Promise((resolve) => setTimeout(resolve, 0)),
  // what is typed here hides nothing: no files, no references to earlier answers
  contextWindowOf: () => null,
  patience: () => new Promise((resolve) => setTimeout(() => resolve(null), 30_000)),
});

let newest = 0;
onmessage = async ({ data }: MessageEvent<CountQuestion>) => {
  newest = data.id;
  const count = await counter.countChat(data.model, data.chat);
  // somebody typed on meanwhile: that answer is on its way
  if (data.id === newest) postMessage({ id: data.id, count } satisfies CountReply);
};
