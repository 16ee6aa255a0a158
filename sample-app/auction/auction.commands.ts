import { IsInt, IsNumber, IsPositive, Min } from 'class-validator';
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
}

/** Asks how all lots stand: what a page shows before the first event reaches it. */
@CommandAddress('auction', 'GetLots')
export class GetLots {}
