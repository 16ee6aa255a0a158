import { existsSync } from 'node:fs';

// `npm run example`, or `npm run example -- generic-commands`: an example is a directory beside this file.
const [, , name = 'transactional-inbox'] = process.argv;
const program = new URL(`${name}/main.js`, import.meta.url);
if (!/^[a-z-]+$/.test(name) || !existsSync(program)) {
  process.stderr.write(`There is no example "${name}". Those that there are stand in examples/.\n`);
  process.exitCode = 1;
} else {
  await import(program.href);
}
