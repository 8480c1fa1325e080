import { describe, expect, it } from 'vitest';
import { NO_RUN_ALERTS } from '../../../../worker/domain/workflow/run-alerts.ts';
import { formOf, settingsOf, timesWords } from './run-alerts.ts';

describe('the alerts of a workflow as a form', () => {
  it('send back what came, whether on or off', () => {
    const all = { onFailure: true, slowMs: 90_000, costPercent: 150 };
    expect(settingsOf(formOf(all))).toEqual(all);
    expect(settingsOf(formOf(NO_RUN_ALERTS))).toEqual(NO_RUN_ALERTS);
  });

  it('begin with ten minutes and twice the usual where one is ticked', () => {
    const form = formOf(NO_RUN_ALERTS);
    expect(settingsOf({ ...form, slow: true, costly: true })).toEqual({
      onFailure: false,
      slowMs: 600_000,
      costPercent: 200,
    });
  });

  it('are not sent while a ticked one lacks its figure; one that is off needs none', () => {
    const form = formOf({ onFailure: true, slowMs: 1000, costPercent: 300 });
    expect(settingsOf({ ...form, slowMs: undefined })).toBeNull();
    expect(settingsOf({ ...form, costPercent: undefined })).toBeNull();
    expect(settingsOf({ ...form, slow: false, slowMs: undefined })).toMatchObject({ slowMs: null });
  });

  it('say a percentage as people do', () => {
    expect([200, 150, 1000].map(timesWords)).toEqual([
      'twice the usual',
      '1.5 times the usual',
      '10 times the usual',
    ]);
  });
});
