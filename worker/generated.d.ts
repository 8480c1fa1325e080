/** Built data (scripts/build-prices.mjs): typed here, so that types hold before and after the build. */
declare module '*/generated/prices.json' {
  const shipped: import('./domain/cost/shipped.ts').ShippedPrices;
  export default shipped;
}
