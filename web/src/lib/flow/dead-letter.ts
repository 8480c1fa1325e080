/** A dead letter in plain words: what it was, why it was not processed, what trying it again does. */
import type { DeadLetter } from '../shapes.ts';

export const KINDS: [DeadLetter['kind'], string][] = [
  ['schedule_fire', 'Starts of schedules'],
  ['webhook_delivery', 'Events of webhooks'],
  ['queue_message', 'Work behind the scenes'],
];

export interface LetterWords {
  title: string;
  /** why, in a sentence */
  why: string;
  /** what is to be done before it is tried again */
  todo: string;
  /** the run it was about, when there is one already */
  executionId: string | null;
  /** the instant a start was due */
  dueAt: string | null;
}

const NOT_PUBLISHED = {
  schedule_fire: 'The workflow had no published version when the start was due.',
  webhook_delivery: 'The workflow had no published version that a webhook starts.',
};
/** Of work behind the scenes: by the queue it came from. */
const WORK: Record<string, { title: string; why: string; todo: string }> = {
  executions: {
    title: 'A run did not move on',
    why: 'The work of the run was handed out again and again, and never taken up.',
    todo: 'Nothing the run has done is lost. Trying again goes on where it stands.',
  },
  ledger: {
    title: 'Usage figures were not brought up to date',
    why: 'Entries of the ledger could not be counted into the figures, however often it was tried.',
    todo: 'The entries themselves are safe. Trying again counts them.',
  },
  notices: {
    title: 'A message was not sent',
    why: 'A message to one of your channels could not be sent, however often it was tried.',
    todo: 'Trying again sends it.',
  },
};
const UNKNOWN_WORK = {
  title: 'Work behind the scenes was given up',
  why: 'It was tried to the end without success.',
  todo: '',
};

export function letterWords(
  letter: Pick<DeadLetter, 'kind' | 'subject' | 'reason' | 'message'>,
): LetterWords {
  const { kind, reason, message } = letter;
  const [first = '', second = ''] = letter.subject.split(' ');
  if (kind === 'queue_message')
    return {
      ...(WORK[first] ?? UNKNOWN_WORK),
      executionId: second.startsWith('exec_') ? second : null,
      dueAt: null,
    };
  const notPublished = reason === 'not_published';
  return {
    title: kind === 'schedule_fire' ? 'A scheduled start began no run' : 'An event of a webhook began no run',
    why: notPublished ? NOT_PUBLISHED[kind] : message,
    todo: notPublished
      ? 'Publish the workflow with this trigger, then try again.'
      : kind === 'schedule_fire'
        ? 'Trying again makes the start up, as if it were due now.'
        : 'What the event brought is kept: trying again begins its run.',
    executionId: null,
    dueAt: kind === 'schedule_fire' && !Number.isNaN(Date.parse(second)) ? second : null,
  };
}
