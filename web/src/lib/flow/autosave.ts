/** When a draft is written: some seconds after the last change, never two writes at once, a conflict stops it. Timers come in. */
export type SaveState =
  | { state: 'saved'; at: number | null }
  | { state: 'unsaved' }
  | { state: 'saving' }
  | { state: 'failed'; message: string }
  | { state: 'conflict' };

/** `retry`: false when the same draft would be refused again, so that only the next change is worth a try. */
export type SaveAnswer =
  { result: 'saved' } | { result: 'failed'; message: string; retry: boolean } | { result: 'conflict' };

export interface AutosaveDeps {
  /** writes what is current at the moment it is called */
  write: () => Promise<SaveAnswer>;
  now: () => number;
  setTimer: (run: () => void, ms: number) => unknown;
  clearTimer: (timer: unknown) => void;
  onChange: (state: SaveState) => void;
}

export const AUTOSAVE_AFTER_MS = 5_000;

export class Autosave {
  #deps: AutosaveDeps;
  #timer: unknown = null;
  #writing: Promise<boolean> | null = null;
  #changedWhileWriting = false;
  #state: SaveState = { state: 'saved', at: null };

  constructor(deps: AutosaveDeps) {
    this.#deps = deps;
  }

  /** Something changed: write it in a while. Once in conflict, nothing is written until `resolved`. */
  touch(): void {
    if (this.#state.state === 'conflict') return;
    if (this.#writing) this.#changedWhileWriting = true;
    else this.#set({ state: 'unsaved' });
    this.#arm();
  }

  /** Writes now whatever is unwritten; true when everything is on the server. */
  async flush(): Promise<boolean> {
    this.#disarm();
    if (this.#state.state === 'conflict') return false;
    if (this.#writing) {
      await this.#writing;
      return this.#state.state === 'saved' ? true : this.flush();
    }
    if (this.#state.state === 'saved') return true;
    this.#writing = this.#write();
    return this.#writing;
  }

  /** The person chose a side of a conflict. `dirty`: their version is to be written over the other. */
  resolved({ dirty }: { dirty: boolean }): void {
    this.#set(dirty ? { state: 'unsaved' } : { state: 'saved', at: this.#deps.now() });
  }

  stop(): void {
    this.#disarm();
  }

  async #write(): Promise<boolean> {
    this.#changedWhileWriting = false;
    this.#set({ state: 'saving' });
    const answer = await this.#deps.write().catch((): SaveAnswer => ({
      result: 'failed',
      message: 'The server could not be reached.',
      retry: true,
    }));
    this.#writing = null;
    if (answer.result === 'conflict') {
      this.#set({ state: 'conflict' });
      return false;
    }
    if (answer.result === 'failed') {
      this.#set({ state: 'failed', message: answer.message });
      if (answer.retry || this.#changedWhileWriting) this.#arm();
      return false;
    }
    if (this.#changedWhileWriting) {
      this.#set({ state: 'unsaved' });
      this.#arm();
      return false;
    }
    this.#set({ state: 'saved', at: this.#deps.now() });
    return true;
  }

  #arm(): void {
    this.#disarm();
    this.#timer = this.#deps.setTimer(() => void this.flush(), AUTOSAVE_AFTER_MS);
  }

  #disarm(): void {
    if (this.#timer !== null) this.#deps.clearTimer(this.#timer);
    this.#timer = null;
  }

  #set(state: SaveState): void {
    this.#state = state;
    this.#deps.onChange(state);
  }
}
