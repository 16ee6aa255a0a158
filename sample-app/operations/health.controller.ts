import { Controller, Get } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { HealthCheck, type HealthCheckResult, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { KafkaSocketHealth } from 'nestjs-kafka-socket';

/** Tells orchestrators whether to send traffic (`/health`, `/health/ready`), and whether to start anew (`/health/live`). */
@Controller('health')
export class HealthController {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly modules: ModuleRef,
  ) {}

  /** 200, or 503 while a part cannot do its work; each part says why. */
  @Get(['', 'ready'])
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    // The auction's module, and the payment's where it runs here.
    const parts = this.modules.get<KafkaSocketHealth>(KafkaSocketHealth, { strict: false, each: true });
    return this.checks.check(parts.map((part, index) => () => this.report(index === 0 ? 'auction' : 'payment', part)));
  }

  /** 200 as long as the process answers: a broker that is away is no reason to restart. */
  @Get('live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  private report(name: string, part: KafkaSocketHealth) {
    const { ready, details } = part.check();
    const indicator = this.indicators.check(name);
    return ready ? indicator.up(details) : indicator.down(details);
  }
}
