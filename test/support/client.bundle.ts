import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

/** The client as an application's bundler hands it to browsers: one script, minified, which names what it exports `KafkaSocket`. */
export interface ClientBundle {
  readonly code: string;
  /** Modules that it needs beside itself. */
  readonly imports: readonly string[];
  /** Bytes that go over the network. */
  readonly gzipped: number;
}

export async function bundleClient(): Promise<ClientBundle> {
  const bundler = await rolldown({ input: 'lib/client/index.ts', platform: 'browser' });
  const { output } = await bundler.generate({ format: 'iife', name: 'KafkaSocket', minify: true });
  await bundler.close();
  const [{ code, imports }] = output;
  return { code, imports, gzipped: gzipSync(code, { level: 9 }).length };
}
