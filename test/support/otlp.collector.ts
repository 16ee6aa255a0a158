import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { onTestFinished, vi } from 'vitest';

/** A span as OTLP carries it, as far as anybody here asks. */
export interface CollectedSpan {
  readonly process: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly links?: readonly { readonly spanId: string }[];
  readonly attributes: Readonly<Record<string, string>>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, string>>;
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[];
  }[];
}

type RawSpan = Omit<CollectedSpan, 'process' | 'attributes'> & { readonly attributes: readonly Attribute[] };

/** Takes spans by OTLP over HTTP, as JSON, and keeps them. */
export class OtlpCollector {
  readonly spans: CollectedSpan[] = [];

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => {
      void json(request).then((body) => {
        this.take(body as Export);
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
  }

  /** Starts one; it stops when the test ends. */
  static async start(): Promise<OtlpCollector> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return new OtlpCollector(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1/traces`;
  }

  /** Waits until a trace holds so many spans. Each is told as `process name type`, behind those above it, root first. */
  async paths(traceId: string, count: number): Promise<string[]> {
    const found = () => this.spans.filter((span) => span.traceId === traceId).map((span) => this.pathOf(span));
    await vi.waitUntil(() => found().length >= count, { timeout: 15_000, interval: 20 }).catch(() => undefined); // the assertion says what is missing
    return found().sort();
  }

  private pathOf(span: CollectedSpan): string {
    const parent = this.spans.find(({ spanId }) => spanId === span.parentSpanId);
    const type = span.attributes['kafka_socket.message.type'];
    const own = `${span.process} ${span.name.split(' ')[0]}${type === undefined ? '' : ` ${type}`}`;
    if (parent) return `${this.pathOf(parent)} > ${own}`;
    return span.parentSpanId ? `(lost) > ${own}` : own;
  }

  private take({ resourceSpans }: Export): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const process = valuesOf(resource.attributes)['service.name'] ?? '';
      for (const { spans } of scopeSpans) {
        for (const span of spans) this.spans.push({ ...span, process, attributes: valuesOf(span.attributes) });
      }
    }
  }
}

function valuesOf(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]));
}
