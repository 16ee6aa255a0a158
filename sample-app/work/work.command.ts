import { Allow, IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { CommandAddress } from 'nestjs-kafka-socket';

/** Takes its time, or fails: for trying time-outs, dead letters and load by hand. */
@CommandAddress('auction', 'Work')
export class Work {
  /** How long it takes, in milliseconds. */
  @IsInt()
  @Min(0)
  @Max(600_000)
  ms!: number;

  /** How it fails, after that time; `flaky`: three times at once, and is then done. */
  @IsOptional()
  @IsIn(['throw', 'reject', 'flaky'])
  fail?: 'throw' | 'reject' | 'flaky';

  /** What comes back. */
  @Allow()
  value?: unknown;
}
