import { Controller, Get, Param } from '@nestjs/common';
import type { DrawnSpan } from './trace.ring.js';
import { Tracing } from './tracing.js';

/** The spans of one trace, as far as this process made them. */
@Controller('traces')
export class TracesController {
  constructor(private readonly tracing: Tracing) {}

  /** `role` says which part of the sample this process is: where it is not all, others know more. */
  @Get(':id')
  find(@Param('id') id: string): { role: string; spans: DrawnSpan[] } {
    return { role: this.tracing.role, spans: this.tracing.ring.find(id) };
  }
}
