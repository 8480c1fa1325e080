/** The page's side of the counting worker: one question at a time, the newest wins, a stuck worker is replaced. */
import type { Count, CountedChat, ModelName } from '$domain/cost/count.ts';
import type { CountQuestion, CountReply } from './count.worker.ts';

const STUCK_AFTER_MS = 2_000;

export class BackgroundCounter {
  #worker: Worker | null = null;
  #lastId = 0;
  #answered = false;
  #stuck: ReturnType<typeof setTimeout> | undefined;
  #waiting: ((count: Count) => void) | null = null;

  /** Starts the worker ahead of the first question. */
  warm() {
    this.#worker ??= this.#start();
  }

  /** Calls back with the count unless a newer question came. */
  count(model: ModelName, chat: CountedChat, then: (count: Count) => void) {
    this.warm();
    this.#waiting = then;
    this.#worker!.postMessage({ id: ++this.#lastId, model, chat } satisfies CountQuestion);
    clearTimeout(this.#stuck);
    // the first answer has to fetch the ranks, however long that takes
    if (this.#answered) this.#stuck = setTimeout(() => this.#restart(), STUCK_AFTER_MS);
  }

  stop() {
    clearTimeout(this.#stuck);
    this.#worker?.terminate();
    this.#worker = null;
    this.#waiting = null;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./count.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<CountReply>) => {
      if (data.id !== this.#lastId) return;
      clearTimeout(this.#stuck);
      this.#answered = true;
      this.#waiting?.(data.count);
    };
    return worker;
  }
  #restart() {
    this.#worker?.terminate();
    this.#answered = false;
    this.#worker = this.#start();
  }
}
