import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NestExpressApplication } from '@nestjs/platform-express';

// The package's own manifest is found from the sources and from dist alike, so the page needs no copy in dist.
const root = dirname(fileURLToPath(import.meta.resolve('nestjs-kafka-socket/package.json')));

/** Where the page's import map finds the package. */
const packageUrl = '/nestjs-kafka-socket';

/**
 * Serves the page, and the package's client to it as it was compiled: plain ES modules, no bundler. Of the package only
 * what the client consists of is served.
 */
export function servePage(app: NestExpressApplication): void {
  app.useStaticAssets(join(root, 'sample-app/public'));
  for (const part of ['client', 'entity', 'protocol', 'kafka-socket.error.js']) {
    app.useStaticAssets(join(root, 'dist/lib', part), { prefix: `${packageUrl}/${part}` });
  }
}
