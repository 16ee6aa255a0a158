/*
 * The one-way rule of lib/:
 *
 *   gateway, service  →  timeout, log, tracing  →  message  →  protocol, kafka-socket.error
 *   gateway, service, client  →  protocol
 *   service, client  →  entity
 *
 * A room that is not named in its `mayImport` is out of reach for it, and so is every room that is added later.
 */

/** @param {string} room @param {string[]} mayImport parts of lib/, beside the room itself @param {string} comment */
const oneWay = (room, mayImport, comment) => ({
  name: `${room}-imports-one-way`,
  comment,
  severity: 'error',
  from: { path: `^lib/${room}/` },
  to: { path: '^lib/', pathNot: [room, ...mayImport].map((part) => `^lib/${part}(/|\\.ts$)`) },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Files that need each other are one concept in two files, or two that want a third. Types count too.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    oneWay('protocol', [], 'The words on the wire are for any client, so they stand on nothing.'),
    oneWay(
      'entity',
      ['protocol', 'kafka-socket.error'],
      'What commands and events are about is the same for both ends.',
    ),
    oneWay('message', ['protocol', 'kafka-socket.error'], 'What travels knows nothing of how it travels.'),
    oneWay('log', ['message', 'kafka-socket.error'], 'A log carries messages; who reads them is not its business.'),
    oneWay('timeout', ['message', 'kafka-socket.error'], 'A scheduler wakes with a message, it does not publish.'),
    oneWay('tracing', ['message', 'protocol', 'kafka-socket.error'], 'Spans are made of messages, wherever they go.'),
    oneWay(
      'service',
      ['timeout', 'log', 'tracing', 'message', 'entity', 'protocol', 'kafka-socket.error'],
      'A service must run where no gateway is.',
    ),
    oneWay(
      'gateway',
      ['timeout', 'log', 'tracing', 'message', 'protocol', 'kafka-socket.error'],
      'A gateway must run where no handler is.',
    ),
    oneWay(
      'dead-letters',
      ['log', 'message', 'kafka-socket.error'],
      'What was given up is read and sent back by the log alone.',
    ),
    oneWay(
      'cli',
      ['dead-letters', 'log', 'message', 'kafka-socket.error'],
      'A command line needs no application around it.',
    ),
    oneWay(
      'client',
      ['entity', 'protocol', 'kafka-socket.error'],
      'The client knows the server by its protocol alone.',
    ),
    {
      name: 'client-runs-in-browsers',
      comment: 'No Node built-ins, no Nest, no package at all: a page loads these files as they are.',
      severity: 'error',
      from: { path: '^lib/(client|entity|protocol)/|^lib/kafka-socket\\.error\\.ts$' },
      to: { pathNot: '^lib/' },
    },
    {
      name: 'no-barrels-inside',
      comment: 'index.ts is what users import; inside, who needs a thing names the file that holds it.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^lib/index\\.ts$' },
    },
    {
      name: 'no-room-barrels-inside',
      comment: 'As above, for /client and /testing.',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/(client|testing)/index\\.ts$' },
      to: { path: '^lib/(client|testing)/index\\.ts$' },
    },
    {
      name: 'testing-stays-outside',
      comment: "What helps users' tests may use everything; nothing may use it.",
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/testing/' },
      to: { path: '^lib/testing/' },
    },
    {
      name: 'lib-needs-what-it-declares',
      comment:
        'What only this repository installs is missing where the package is installed. ' +
        '(Whether mere types reach a user, test/package.spec.ts sees.)',
      severity: 'error',
      from: { path: '^lib/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['npm', 'npm-peer', 'type-only'],
      },
    },
    {
      name: 'sample-is-a-user',
      comment: 'The sample imports the package by its name, as every other application does.',
      severity: 'error',
      from: { path: '^sample-app/' },
      to: { path: '^(lib|dist)/', dependencyTypesNot: ['aliased'] },
    },
    {
      name: 'bench-has-one-library',
      comment: 'By its name the package would come from dist/, beside the one that is compiled with the benchmarks.',
      severity: 'error',
      from: { path: '^bench/' },
      to: { path: '^(lib|dist)/', dependencyTypes: ['aliased'] },
    },
    {
      name: 'bench-stays-outside',
      comment: 'The benchmarks may use everything; nothing may use them.',
      severity: 'error',
      from: { pathNot: '^bench/' },
      to: { path: '^bench/' },
    },
    {
      name: 'nothing-unresolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    // Type imports are gone when the program runs, but not when it is read.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|sample-app/public)/' },
  },
};
