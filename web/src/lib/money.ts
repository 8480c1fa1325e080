/** Money for the eye: the rules live in the domain, so that pages, answers and mails read alike. */
export * from '../../../worker/domain/money-text.ts';
