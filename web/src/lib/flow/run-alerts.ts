/** What is told of a workflow's runs, as the form holds it: ticks and half-typed figures. Pure. */
import type { RunAlertSettings } from '$domain/workflow/run-alerts.ts';

export const DEFAULT_SLOW_MS = 10 * 60_000;
export const DEFAULT_COST_PERCENT = 200;
export const LEAST_COST_PERCENT = 110;
export const MOST_COST_PERCENT = 10_000;

export interface AlertsForm {
  onFailure: boolean;
  slow: boolean;
  /** undefined = nothing is typed */
  slowMs: number | undefined;
  costly: boolean;
  costPercent: number | undefined;
}

/** What is off keeps a figure to begin with. */
export const formOf = (settings: RunAlertSettings): AlertsForm => ({
  onFailure: settings.onFailure,
  slow: settings.slowMs !== null,
  slowMs: settings.slowMs ?? DEFAULT_SLOW_MS,
  costly: settings.costPercent !== null,
  costPercent: settings.costPercent ?? DEFAULT_COST_PERCENT,
});

/** What is to be sent; null while a ticked alert lacks its figure. */
export function settingsOf(form: AlertsForm): RunAlertSettings | null {
  if (form.slow && !form.slowMs) return null;
  if (form.costly && form.costPercent === undefined) return null;
  return {
    onFailure: form.onFailure,
    slowMs: form.slow ? form.slowMs! : null,
    costPercent: form.costly ? form.costPercent! : null,
  };
}

/** 200 -> "twice the usual", 150 -> "1.5 times the usual". */
export const timesWords = (percent: number): string =>
  percent === 200 ? 'twice the usual' : `${percent / 100} times the usual`;
