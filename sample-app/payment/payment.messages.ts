import { IsInt, IsNumber, IsOptional, IsPositive, IsString, Max, Min } from 'class-validator';
import { CommandAddress, EventEntity } from 'nestjs-kafka-socket';

/** Takes the money for a lot from whoever won it. Services send it; the gateway lets no client. */
@CommandAddress('payment', 'Charge')
export class Charge {
  @IsInt()
  lot!: number;

  @IsString()
  winner!: string;

  @IsNumber()
  @IsPositive()
  amount!: number;

  /** How often the bank fails before it works: for trying retries by hand. It travels along, so that no instance keeps a count. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(100)
  bankFails?: number;
}

/** Money that was taken. */
@EventEntity('payment', 'Payment')
export class PaymentEvent {
  lot!: number;
  winner!: string;
  amount!: number;
}

/** A bank that was out of reach: `Delayed`, it is asked again; `Failed`, it is not. */
@EventEntity('payment', 'Payment')
export class PaymentTroubleEvent {
  lot!: number;
  /** The attempt that has failed, from 1. */
  attempt!: number;
  /** How many there are at most. */
  attempts!: number;
}
