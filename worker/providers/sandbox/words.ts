/** What the sandbox talks with: plain words, so that answers read like text and cost about a token a word. */
import { between, pick, type Dice } from './seeded.ts';

const OPENERS = [
  'Overall',
  'In short',
  'From the input',
  'As a first reading',
  'On balance',
  'Seen from here',
];
const SUBJECTS = [
  'the request',
  'this text',
  'the main point',
  'the team',
  'the record',
  'the customer',
  'the plan',
];
const VERBS = ['shows', 'suggests', 'needs', 'explains', 'supports', 'describes', 'confirms'];
const OBJECTS = [
  'a clear next step',
  'a good fit',
  'more detail',
  'a small risk',
  'a steady pattern',
  'a short review',
  'an open question',
];
const CLOSERS = [
  'for now',
  'this week',
  'before the next call',
  'with some care',
  'at a fair price',
  'without delay',
];

export const sentence = (dice: Dice): string =>
  `${pick(dice, OPENERS)}, ${pick(dice, SUBJECTS)} ${pick(dice, VERBS)} ${pick(dice, OBJECTS)} ${pick(dice, CLOSERS)}.`;

/** A readable answer: it repeats how the input begins, then some sentences that depend on all of it. */
export function answerText(input: string, dice: Dice, sentences: { least: number; most: number }): string {
  const words = input.split(/\s+/).filter(Boolean);
  const heard = words.slice(0, 24).map((word) => word.slice(0, 40));
  const opening =
    heard.length === 0
      ? 'There was nothing to read.'
      : `You wrote: "${heard.join(' ')}${words.length > heard.length ? ' ...' : ''}" (${words.length} words).`;
  const count = between(dice, sentences.least, sentences.most);
  return [opening, ...Array.from({ length: count }, () => sentence(dice))].join(' ');
}
