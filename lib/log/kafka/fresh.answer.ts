/**
 * Asks a question whose answer must not be older than the wish for it. Whoever comes while it is being asked shares the next
 * answer with all others who do, so that any number of them makes two questions at a time.
 */
export class FreshAnswer<T> {
  private asking?: Promise<T>;
  private next?: Promise<T>;

  constructor(private readonly ask: () => Promise<T>) {}

  get(): Promise<T> {
    if (!this.asking) return this.start();
    const goOn = (): Promise<T> => this.start();
    return (this.next ??= this.asking.then(goOn, goOn));
  }

  private start(): Promise<T> {
    this.next = undefined;
    const asked = this.ask().finally(() => {
      if (this.asking === asked) this.asking = undefined;
    });
    this.asking = asked;
    return asked;
  }
}
