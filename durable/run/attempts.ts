/** The attempts that run in this incarnation of the object, by lease token. Each comes to one result, whatever happens to it. */
import type { NodeFailure } from '../../worker/domain/contracts/node.ts';
import { logLine } from '../../worker/domain/log-line.ts';
import { err, ok, type Result } from '../../worker/domain/result.ts';
import type { Command } from '../../worker/domain/workflow/progress.ts';
import { takesOverItems } from './earlier-items.ts';
import type { LivingRun } from './living-run.ts';
import { hashOfItems } from './items.ts';
import { runNode } from './node-attempt.ts';
import { take, type Given } from './results.ts';
import { streamedItems } from './streamed-items.ts';

/**
 * After this many nodes in one go, all attempts wait until the others on this isolate had their turn. What runs inline never leaves the isolate, so
 * a map's lanes would hand it to each other, and neither timers nor answers would come in, until the last of them had waited.
 */
const TURN = 50;

export type RunCommand = Extract<Command, { do: 'run' }>;
type Outcome = Result<Given, NodeFailure>;

export class Attempts {
  readonly #run: LivingRun;
  readonly #live = new Map<string, AbortController>();
  /** tokens of attempts that follow one that was lost with the server */
  readonly #afterLoss = new Set<string>();
  #begun = 0;
  #others: Promise<void> | null = null;

  constructor(run: LivingRun) {
    this.#run = run;
  }

  get isAny(): boolean {
    return this.#live.size > 0;
  }
  isLive(token: string): boolean {
    return this.#live.has(token);
  }
  open(token: string): AbortSignal {
    const controller = new AbortController();
    this.#live.set(token, controller);
    return controller.signal;
  }
  close(token: string): void {
    this.#live.delete(token);
  }
  abort(token: string): void {
    this.#live.get(token)?.abort();
  }
  followsLoss(token: string): void {
    this.#afterLoss.add(token);
  }

  begin(command: RunCommand): Promise<void> {
    const signal = this.open(command.token);
    this.#run.reporter.node(command.frame, command.node);
    return this.#attempt(command, signal);
  }

  async #attempt(command: RunCommand, signal: AbortSignal): Promise<void> {
    const run = this.#run;
    let outcome: Outcome;
    try {
      if (++this.#begun % TURN === 0) this.#others ??= this.#othersTurn();
      if (this.#others) await this.#others;
      outcome = run.plan.nodes.get(command.node)!.isMap
        ? await this.#expanded(command, signal)
        : await this.#ran(command, signal);
    } catch (error) {
      this.#failed('WorkflowRun.node', command, error);
      outcome = err({
        reason: 'unknown',
        message: 'Something went wrong on our side while this node ran.',
      });
    }
    this.close(command.token);
    try {
      take(run, command, outcome);
    } catch (error) {
      this.#failed('WorkflowRun.take', command, error);
      outcome = err({ reason: 'refused', message: 'The result could not be kept.' });
      take(run, command, outcome);
    }
  }

  #ran(command: RunCommand, signal: AbortSignal) {
    const { store, plan, deps } = this.#run;
    const abandonEarlier = this.#afterLoss.delete(command.token);
    return runNode({ command, signal, store, plan, deps, abandonEarlier });
  }

  /** A map gives its items: read off a file, or reckoned. */
  async #expanded(command: RunCommand, signal: AbortSignal): Promise<Outcome> {
    const { store, plan, deps } = this.#run;
    const { frame, node: mapId } = command;
    const streamed = await streamedItems({ store, plan, deps, signal }, command);
    if (streamed && !streamed.ok) return streamed;
    const ran = streamed ? null : await this.#ran(command, signal);
    if (ran && !ran.ok) return ran;
    const reckoned = (ran?.value.output ?? []) as unknown[];
    const hash = () => (streamed ? streamed.value.hash : hashOfItems(reckoned));
    const resumes = await takesOverItems({ store, plan, deps, mapId, signal }, { frame, hash });
    return ok({ output: null, items: streamed?.value ?? reckoned, resumes });
  }

  async #othersTurn(): Promise<void> {
    await scheduler.wait(0);
    this.#others = null;
  }

  #failed(at: string, { node }: RunCommand, error: unknown): void {
    const { stack } = error as Error;
    console.error(logLine({ level: 'error', at, node, message: String(error), stack }));
  }
}
