import { describe, expect, it } from 'vitest';
import { DESIGN, type Rules, type State, start, steps, violation } from './support/outcome.model.js';

/** Faults in one life of a request. Three would take minutes. */
const FAULTS = 2;

interface Search {
  readonly states: number;
  /** The shortest way to a state that must not be. */
  readonly hole?: { readonly what: string; readonly way: readonly string[] };
}

interface Found {
  readonly state: State;
  readonly before?: Found;
  readonly step?: string;
}

/** Walks through every state that can be reached with so many faults at most, the nearest first. */
function search(rules: Rules, faults: number): Search {
  const seen = new Set<string>();
  let frontier: Found[] = [{ state: start(faults) }];
  while (frontier.length > 0) {
    const next: Found[] = [];
    for (const found of frontier) {
      const possible = steps(found.state, rules);
      const what = violation(found.state, !possible.some((step) => !step.fault));
      if (what) return { states: seen.size, hole: { what, way: wayTo(found) } };
      for (const step of possible) {
        const key = keyOf(step.next);
        if (seen.has(key)) continue;
        seen.add(key);
        next.push({ state: step.next, before: found, step: step.name });
      }
    }
    frontier = next;
  }
  return { states: seen.size };
}

function wayTo(found: Found): string[] {
  return found.before ? [...wayTo(found.before), found.step!] : [];
}

/** Short, because there are close to a million of them; four letters tell all values of the model apart. */
function keyOf({ log, job, redisFailed, arming, sending, gateway, service, client, faultsLeft }: State): string {
  const { told, ...rest } = client;
  const parts = [...log, '', job, redisFailed, arming, sending, ...Object.values(gateway), ...Object.values(service)];
  return [...parts, ...Object.values(rest), '', ...told, faultsLeft].map((part) => String(part).slice(0, 4)).join();
}

describe('the outcome rule, in every order in which steps and faults can come', () => {
  it('leaves no request with none or with two outcomes', () => {
    const { states, hole } = search(DESIGN, FAULTS);
    console.log(`outcome model: ${states} states with up to ${FAULTS} faults, none of them wrong`);
    expect(hole).toBeUndefined();
    expect(states).toBeGreaterThan(100_000); // it did walk
  });

  // What each rule is there for: without it the same search finds a way to break the promise.
  it.each<[rule: keyof Rules, broken: string]>([
    ['publishBeforeDisarm', 'no outcome in the log'],
    ['firstTerminalWins', 'two outcomes: timeout, timeout'],
    ['backstop', 'no outcome for the client'],
    ['takeover', 'no outcome for the client'],
    ['unavailableOnlyIfNeverSent', 'told that it was not sent, and it was'],
    ['unavailableOnlyAtFirst', 'told that it was not sent, and it was'],
    ['unavailableOnlyIfTakenBack', 'told that it was not sent, and it has an outcome'],
  ])('finds the hole without the rule "%s"', (rule, broken) => {
    const { hole } = search({ ...DESIGN, [rule]: false }, FAULTS);
    expect(hole?.what).toBe(broken);
    console.log(`without ${rule}: ${hole!.way.join(' → ')}: ${broken}`);
  });
});
