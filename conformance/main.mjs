import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createVitest, startVitest } from 'vitest/node';

const USAGE = `Checks whether a gateway keeps the rules of PROTOCOL.md. It needs the commands of the sample application.

  npm run conformance -- ws://host:port/socket [options]      or: CONFORMANCE_URL=… npm run conformance

  --token <token>          one that the gateway accepts; left out: it lets everybody in
  --other-token <token>    one of another user
  --hello-timeout <ms>     how long a socket may take to say hello (10000)
  --any-origin             the gateway lets in browsers from anywhere
  --only <rule>            rules whose names begin with this, such as recovery or frame.5
  --list                   names what would be looked at, and does nothing
  --help                   this
`;

try {
  const { target, only, list } = readArguments();
  const options = {
    config: fileURLToPath(new URL('vitest.config.ts', import.meta.url)),
    watch: false,
    provide: { target },
    // A whole name, and none that only begins like it: frame.1 is not frame.10.
    testNamePattern: only && new RegExp(`\\[${only.replaceAll('.', '\\.')}(?!\\d)`),
  };
  if (!target) console.log(USAGE);
  else await (list ? tell(options) : run(options));
} catch (error) {
  console.error(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}

/** Reads what to look at; names what is wrong with it. */
function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      token: { type: 'string' },
      'other-token': { type: 'string' },
      'hello-timeout': { type: 'string', default: '10000' },
      'any-origin': { type: 'boolean', default: false },
      only: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return {};
  const [url = process.env.CONFORMANCE_URL] = positionals;
  const helloTimeout = Number(values['hello-timeout']);
  if (positionals.length > 1) throw new Error(`One address is enough: ${positionals.join(' ')}`);
  if (!URL.canParse(url ?? '') || !/^wss?:$/.test(new URL(url).protocol)) {
    throw new Error(`"${url ?? ''}" is no address of a WebSocket, such as ws://localhost:3000/socket.`);
  }
  if (!(helloTimeout > 0))
    throw new Error(`--hello-timeout is "${values['hello-timeout']}", and not a number of milliseconds.`);
  if (values['other-token'] !== undefined && values.token === undefined)
    throw new Error('--other-token needs --token.');
  const target = {
    url,
    token: values.token,
    otherToken: values['other-token'],
    helloTimeout,
    anyOrigin: values['any-origin'],
  };
  return { target, only: values.only, list: values.list };
}

/** Looks at the rules; leaves with 1 where one is broken. */
async function run(options) {
  const vitest = await startVitest('test', [], options);
  await vitest.close();
}

async function tell(options) {
  const vitest = await createVitest('test', options);
  const { testModules } = await vitest.collect();
  for (const module of testModules) for (const test of module.children.allTests()) console.log(test.name);
  await vitest.close();
}
