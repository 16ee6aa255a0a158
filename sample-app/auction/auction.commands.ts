import { IsInt, IsNumber, IsOptional, IsPositive, Max, Min } from 'class-validator';
import { CommandAddress } from 'nestjs-kafka-socket';

/** Offers an amount for a lot. */
@CommandAddress('auction', 'PlaceBid')
export class PlaceBid {
  @IsInt()
  @Min(1)
  lot!: number;

  @IsNumber()
  @IsPositive()
  amount!: number;
}

/** Says below which amount a lot should not go. */
@CommandAddress('auction', 'SetReserve')
export class SetReserve {
  @IsInt()
  @Min(1)
  lot!: number;

  @IsNumber()
  @IsPositive()
  amount!: number;
}

/** Asks for a lot's reserve: the event says only that it changed. */
@CommandAddress('auction', 'GetReserve')
export class GetReserve {
  @IsInt()
  @Min(1)
  lot!: number;
}

/** Lets the hammer fall: the highest bidder is charged, and the lot is sold. A bid below the reserve buys nothing. */
@CommandAddress('auction', 'Settle')
export class Settle {
  @IsInt()
  @Min(1)
  lot!: number;

  /** See `Charge`. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(100)
  bankFails?: number;
}

/** Says when the hammer falls for a lot by itself. Said again, it is moved; where it fell already, the lot is open again. */
@CommandAddress('auction', 'SetEnd')
export class SetEnd {
  @IsInt()
  @Min(1)
  lot!: number;

  /** In so many milliseconds from when it is asked for. */
  @IsInt()
  @Min(500)
  @Max(3_600_000)
  after!: number;
}

/** Closes a lot at its end. The service sends it to itself, later; the gateway lets no client. */
@CommandAddress('auction', 'CloseLot')
export class CloseLot {
  @IsInt()
  @Min(1)
  lot!: number;

  /** The end that it was sent for, in milliseconds since the epoch. */
  @IsInt()
  ends!: number;
}

/** Asks how all lots stand: what a page shows before the first event reaches it. */
@CommandAddress('auction', 'GetLots')
export class GetLots {}
