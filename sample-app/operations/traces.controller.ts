import { BadRequestException, Controller, Get, Header, Param } from '@nestjs/common';
import type { DrawnSpan } from './trace.ring.js';
import { Tracing } from './tracing.js';

const TRACE_ID = /^[0-9a-f]{32}$/;

/** The spans of one trace, as far as this process made them. */
@Controller('traces')
export class TracesController {
  constructor(private readonly tracing: Tracing) {}

  /** `role` says which part of the sample this process is: where it is not all, others know more. */
  @Get(':id')
  @Header('Cache-Control', 'no-store') // more spans may have ended when it is asked again
  find(@Param('id') id: string): { role: string; spans: DrawnSpan[] } {
    if (!TRACE_ID.test(id)) throw new BadRequestException('A trace id is 32 hexadecimal digits.');
    return { role: this.tracing.role, spans: this.tracing.ring.find(id) };
  }
}
