import { Module } from '@nestjs/common';
import { Worker } from './worker.js';

/** Something to try time-outs and failures with. */
@Module({ providers: [Worker] })
export class WorkModule {}
