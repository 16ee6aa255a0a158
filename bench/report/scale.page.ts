import type { KeptRuns } from './results.store.js';
import { BUDGET, type Demand, type Fleet, fleetFor, type UnitCosts, unitCosts } from './scale.sums.js';
import { short } from './short.number.js';

const BEGIN = '<!-- measured: written by `npm run bench -- --results` -->';
const END = '<!-- /measured -->';

/** Each user sends a command a minute, and five events a second go to everybody. */
const COMMANDS = 1 / 60;
const EVENTS = 5;
const USERS = [1_000, 10_000, 100_000, 1_000_000];
const EXAMPLE: Demand = { users: 100_000, commands: COMMANDS, events: EVENTS };

/** Puts what was measured into the page; leaves it as it is where a bench has not been run. */
export function withMeasured(page: string, runs: KeptRuns): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end === -1) throw new Error('docs/scale.md has lost the marks between which figures stand.');
  const costs = unitCosts(runs);
  if (!costs) return page;
  const quick = Object.values(runs).some((run) => run.quick);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${measured(costs, quick).join('\n')}\n\n${page.slice(end)}`;
}

function measured(costs: UnitCosts, quick: boolean): string[] {
  return [
    ...(quick ? ['Some of these figures come from a run with `--quick`: a look, not a claim.', ''] : []),
    ...costTable(costs),
    '',
    ...example(costs, fleetFor(EXAMPLE, costs)),
    '',
    'The same for other numbers of users:',
    '',
    '| users | commands/s | deliveries/s | gateways | instances of the service | partitions | Redis, of one |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...USERS.map((users) => fleetRow(users, fleetFor({ ...EXAMPLE, users }, costs))),
  ];
}

function costTable(costs: UnitCosts): string[] {
  const µs = (value: number) => `${short(value)} µs`;
  const rows = [
    ['`rest`', 'a connection at rest, each second', µs(costs.rest), '`idle`'],
    ['`memory`', 'a connection', `${short(costs.memory)} KiB`, '`idle`'],
    ['`delivery`', 'an event to one client', µs(costs.delivery), '`broadcast`, single event'],
    ['`read`', 'a record that a gateway passes by', µs(costs.read), '`discard`'],
    [
      '`command`',
      'a command and its sealed result, at gateway and handler',
      µs(costs.command),
      '`round-trip`, in Redis',
    ],
    ['`handling`', 'of that the service, with a handler that does nothing', µs(costs.handling), '`service`, 0 ms'],
    ['`timeout`', 'a time-out armed and taken back', µs(costs.timeout), '`timeout`'],
    ['`partition`', 'commands a second through one partition', short(costs.partition), '`growth`, 1 partition'],
  ];
  return [
    '| cost | of | measured | by |',
    '| --- | --- | --- | --- |',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
  ];
}

function example(
  { rest, delivery, command, handling, read, timeout, partition, memory }: UnitCosts,
  fleet: Fleet,
): string[] {
  const n = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 0 });
  const { users } = EXAMPLE;
  const [commands, deliveries, records] = [n(fleet.commands), n(fleet.deliveries), n(fleet.records)];
  const atGateway = short(Math.max(0, command - handling));
  return [
    `**${n(users)} users** who send a command a minute each, and ${EVENTS} events a second that all of them get:`,
    '',
    '```text',
    `commands    ${n(users)} / 60 = ${commands} a second`,
    `deliveries  ${n(users)} x ${EVENTS} = ${deliveries} a second`,
    `records     2 x ${commands} + ${EVENTS} = ${records} a second`,
    `shared      ${n(users)} x ${short(rest)} + ${deliveries} x ${short(delivery)} + ${commands} x ${atGateway} = ${n(fleet.shared)} µs a second`,
    `reading     ${records} x ${short(read)} = ${n(fleet.reading)} µs a second, at each gateway`,
    `gateways    ${n(fleet.shared)} / (${n(BUDGET)} - ${n(fleet.reading)}), or ${n(users)} x ${short(memory)} KiB / 1 GiB, and one to spare = ${n(fleet.gateways)}`,
    `services    ${commands} x ${short(handling)} / ${n(BUDGET)}, and one to spare = ${n(fleet.services)}`,
    `partitions  2 x ${n(fleet.services)} instances, 2 x ${commands} / ${short(partition)}, at least 6 = ${n(fleet.partitions)}`,
    `Redis       ${commands} x ${short(timeout)} µs = ${(fleet.redis * 100).toFixed(1)} % of one`,
    '```',
  ];
}

function fleetRow(users: number, fleet: Fleet): string {
  const n = (value: number) => (Number.isFinite(value) ? Math.round(value).toLocaleString('en') : 'split the topic');
  const cells = [users, fleet.commands, fleet.deliveries, fleet.gateways, fleet.services, fleet.partitions].map(n);
  return `| ${[...cells, `${(fleet.redis * 100).toFixed(1)} %`].join(' | ')} |`;
}
