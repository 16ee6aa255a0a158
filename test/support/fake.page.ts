import { onTestFinished, vi } from 'vitest';

/** What a browser's page tells its scripts, as far as the client listens: `window` and `document`, until the test ends. */
export class FakePage {
  private readonly window = new EventTarget();
  private readonly document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  /** Listeners that nobody took back. */
  listeners = 0;

  constructor() {
    vi.stubGlobal('addEventListener', this.adding(this.window));
    vi.stubGlobal('removeEventListener', this.removing(this.window));
    const { document } = this;
    Object.assign(document, { addEventListener: this.adding(document), removeEventListener: this.removing(document) });
    vi.stubGlobal('document', document);
    onTestFinished(() => void vi.unstubAllGlobals());
  }

  /** The browser tells of something. */
  tell(event: 'online' | 'offline' | 'pageshow' | 'resume'): void {
    (event === 'resume' ? this.document : this.window).dispatchEvent(new Event(event));
  }

  show(visibilityState: 'visible' | 'hidden'): void {
    this.document.visibilityState = visibilityState;
    this.document.dispatchEvent(new Event('visibilitychange'));
  }

  private adding(target: EventTarget) {
    const add = target.addEventListener.bind(target);
    return (type: string, listener: () => void): void => {
      this.listeners++;
      add(type, listener);
    };
  }

  private removing(target: EventTarget) {
    const remove = target.removeEventListener.bind(target);
    return (type: string, listener: () => void): void => {
      this.listeners--;
      remove(type, listener);
    };
  }
}
