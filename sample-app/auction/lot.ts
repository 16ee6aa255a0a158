import { IsInt, IsOptional, Length, Max, Min } from 'class-validator';
import { EventEntity } from 'nestjs-kafka-socket';

/** What is for sale, as the house describes it. Bids and reserves are told by events of their own. */
@EventEntity('auction', 'Lot')
export class Lot {
  @IsInt() @Min(1) @Max(1_000_000) id!: number;
  version!: number;
  @Length(1, 60) title!: string;
  @IsOptional() @Length(1, 60) maker?: string | null;
}
