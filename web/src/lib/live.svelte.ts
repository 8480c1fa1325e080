/** One /api/live socket per tab. It reconnects by itself; after a gap every listener is told to fetch again. */
import { liveAddress } from './api.ts';

/** What the server pushes; `type` says which. */
export interface LiveMessage {
  type: string;
  [field: string]: unknown;
}
interface Listener {
  types: readonly string[];
  onmessage: (message: LiveMessage) => void;
  /** something may have been missed: fetch the truth again */
  ongap: () => void;
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

class Live {
  /** 'open' while messages arrive; 'waiting' between tries */
  status = $state<'idle' | 'open' | 'waiting'>('idle');
  #socket: WebSocket | null = null;
  #listeners = new Set<Listener>();
  #retryMs = FIRST_RETRY_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hadGap = false;

  /** Listens until the returned function is called; the first listener opens the socket, the last one closes it. */
  listen(types: readonly string[], onmessage: Listener['onmessage'], ongap: Listener['ongap']): () => void {
    const listener: Listener = { types, onmessage, ongap };
    this.#listeners.add(listener);
    if (!this.#socket && !this.#timer) this.#connect();
    return () => {
      this.#listeners.delete(listener);
      // a page that follows at once takes the socket over
      setTimeout(() => this.#listeners.size === 0 && this.#close(), 1000);
    };
  }

  /** Begins again, for instance in another team. */
  restart() {
    this.#close();
    this.#hadGap = true;
    if (this.#listeners.size > 0) this.#connect();
  }

  #close() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.status = 'idle';
  }

  #connect() {
    this.#timer = undefined;
    const socket = new WebSocket(liveAddress());
    this.#socket = socket;
    socket.onopen = () => {
      this.status = 'open';
      this.#retryMs = FIRST_RETRY_MS;
      if (this.#hadGap) for (const listener of this.#listeners) listener.ongap();
      this.#hadGap = false;
    };
    socket.onmessage = (event) => this.#deliver(event.data);
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#hadGap = true;
      this.status = 'waiting';
      this.#timer = setTimeout(() => this.#connect(), this.#retryMs * (0.75 + Math.random() / 2));
      this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
    };
  }

  #deliver(data: unknown) {
    if (typeof data !== 'string') return;
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof message !== 'object' || message === null || !('type' in message)) return;
    const known = message as LiveMessage;
    for (const listener of this.#listeners)
      if (listener.types.includes(known.type)) listener.onmessage(known);
  }
}

export const live = new Live();
