import { ConsoleLogger, Logger, type LoggerService } from '@nestjs/common';
import { onTestFinished, vi } from 'vitest';

/** Collects all that Nest's logger and the console are given, of every level. */
export class LogLines implements LoggerService {
  readonly all: string[] = [];
  readonly log = (...line: unknown[]): void => this.note('log', line);
  readonly error = (...line: unknown[]): void => this.note('error', line);
  readonly warn = (...line: unknown[]): void => this.note('warn', line);
  readonly debug = (...line: unknown[]): void => this.note('debug', line);
  readonly verbose = (...line: unknown[]): void => this.note('verbose', line);
  readonly fatal = (...line: unknown[]): void => this.note('fatal', line);

  /** From now on until the test ends. */
  static capture(): LogLines {
    const lines = new LogLines();
    Logger.overrideLogger(lines);
    for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const)
      vi.spyOn(console, level).mockImplementation((...line: unknown[]) => lines.note(`console.${level}`, line));
    onTestFinished(() => {
      vi.restoreAllMocks();
      Logger.overrideLogger(new ConsoleLogger({ logLevels: ['fatal'] }));
    });
    return lines;
  }

  private note(level: string, line: unknown[]): void {
    this.all.push(
      [level, ...line.map((part) => (part instanceof Error ? `${part.message} ${part.stack}` : String(part)))].join(
        ' ',
      ),
    );
  }
}
