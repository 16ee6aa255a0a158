import { IsInt, IsNumber, IsPositive, IsString } from 'class-validator';
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
}

/** Money that was taken. */
@EventEntity('payment', 'Payment')
export class PaymentEvent {
  lot!: number;
  winner!: string;
  amount!: number;
}
