/**
 * Money for the eye: the rules live in the domain, so that pages, answers and mails read alike. Here they are told the currency that the team
 * wants to see; what is so converted reads "≈". Prices of models, forms and exports stay in dollars.
 */
import {
  formatCost as costText,
  formatRange as rangeText,
  usd,
  type CostFormat,
  type DisplayCurrency,
} from '../../../worker/domain/money-text.ts';

export { formatPrice, usd, type DisplayCurrency } from '../../../worker/domain/money-text.ts';

/** No rune: functions that are no components format, too. The shell sets it before its pages render, and renders them anew when it changes. */
let shown: DisplayCurrency | null = null;
export const showIn = (currency: DisplayCurrency | null): void => void (shown = currency);

const inShown = (format: CostFormat): CostFormat =>
  shown ? { currency: shown.code, perUsd: shown.perUsd, ...format } : format;
const about = (text: string) => `≈ ${text}`;

/** "$0.0105", or "≈ €0.0097" where the team wants to see euros. */
export const formatCost = (nano: number, format: CostFormat = {}): string => {
  const text = costText(nano, inShown(format));
  return shown ? about(text) : text;
};

/** An expected amount: "≈ $0.0105". */
export const expectedCost = (nano: number): string => about(costText(nano, inShown({})));

/** "$0.0031 – $0.0074"; ends that read the same stand once. `up`: the end is a ceiling. */
export const formatRange = (low: number, high: number, format: CostFormat = {}): string =>
  rangeText(low, high, inShown(format));

/** In dollars, whatever is shown: what a price list says. */
export const formatDollars = (nano: number): string => costText(nano);

/** The exact amount, with the rate where another currency is shown. */
export const exactCost = (nano: number): string =>
  shown ? `$${usd(nano)}, at ${shown.perUsd} ${shown.code} per $ (${shown.asOf})` : `$${usd(nano)}`;
