export function scaledInteger(text: string, places: number): number;
export function shippedPrices(): Promise<import('../worker/domain/cost/shipped.ts').ShippedPrices>;
