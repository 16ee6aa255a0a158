/** Three digits that count: 1.23, 12.3, 123, 1,230, 12,300. */
export function short(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}
