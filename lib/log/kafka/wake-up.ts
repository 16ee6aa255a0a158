/** Lets loops sleep until something has changed. */
export class WakeUp {
  private wake!: () => void;
  private next = this.renew();

  /** Resolves with the next {@link notify}. */
  wait(): Promise<void> {
    return this.next;
  }

  notify(): void {
    this.wake();
    this.next = this.renew();
  }

  private renew(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }
}
