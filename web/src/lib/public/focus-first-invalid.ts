/** For `use:enhance`: after a refused form the first invalid field has the focus (AUTH-2); without JavaScript its autofocus does it. */
import type { SubmitFunction } from '@sveltejs/kit';
import { tick } from 'svelte';

export const focusFirstInvalid =
  (busy: (now: boolean) => void): SubmitFunction =>
  ({ formElement }) => {
    busy(true);
    return async ({ update }) => {
      await update({ reset: false });
      busy(false);
      await tick();
      formElement.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
    };
  };
