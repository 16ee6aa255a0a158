import { IsInt, IsOptional, IsPositive, IsUUID, Length } from 'class-validator';
import { EventEntity } from 'nestjs-kafka-socket';

/** What is sold. Its decorators say all that the generic commands have to know: what has no validator no client can set. */
@EventEntity('lots', 'Lot')
export class Lot {
  @IsUUID() id!: string;
  version!: number;
  @Length(1, 80) title!: string;
  @IsOptional() @IsInt() @IsPositive() estimate?: number | null;
}
