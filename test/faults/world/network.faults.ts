import type { FaultKind, FaultShare } from './fault.js';
import type { Member } from './member.js';
import type { TcpProxy } from './tcp.proxy.js';
import { membersOf, type World } from './world.js';

const BROKERS = 3;
const MEMBERS = 6;
const GATEWAYS = 3;

/** Some ways of the network, and who stands at their end. */
interface Ways {
  readonly target: string;
  readonly links: readonly TcpProxy[];
  readonly disabled?: readonly string[];
}

interface Between {
  readonly name: string;
  readonly takes: readonly FaultShare[];
  readonly variants: number;
  ways(world: World, variant: number): Ways;
}

const memberAndBroker: Between = {
  name: 'member and broker',
  takes: ['broker', 'gateway', 'service'],
  variants: MEMBERS * BROKERS,
  ways(world, variant) {
    const member = memberBy(world, variant);
    const broker = Math.floor(variant / MEMBERS);
    return { target: `${member.name}, broker ${broker + 1}`, links: [member.links.brokers[broker]!] };
  },
};

const memberAndRedis: Between = {
  name: 'member and Redis',
  takes: ['redis'],
  variants: MEMBERS,
  ways(world, variant) {
    const member = memberBy(world, variant);
    return { target: member.name, links: [member.links.redis] };
  },
};

const memberAndKafka: Between = {
  name: 'member and Kafka',
  takes: ['broker', 'gateway', 'service'],
  variants: MEMBERS,
  ways(world, variant) {
    const { name, links } = memberBy(world, variant);
    return { target: name, links: links.brokers, disabled: [name] };
  },
};

const clientsAndGateway: Between = {
  name: 'clients and gateway',
  takes: ['clients'],
  variants: GATEWAYS,
  ways: (world, variant) => ({ target: world.gateways[variant]!.name, links: [world.clientLinks[variant]!] }),
};

/** Every connection is reset, once. */
function reset(between: Between): FaultKind {
  return kind(`${between.name}: reset`, between, [500, 1_500], (link) => link.cut());
}

/** Every connection is reset, and so is each new one. */
function refused(between: Between, lasts: FaultKind['lasts'] = [2_000, 8_000]): FaultKind {
  return kind(`${between.name}: cut`, between, lasts, (link) => link.refuse());
}

/** Nothing comes through, and nobody is told. */
function silent(between: Between, lasts: FaultKind['lasts'] = [5_000, 15_000]): FaultKind {
  return kind(`${between.name}: silence`, between, lasts, (link) => link.silence());
}

function kind(name: string, between: Between, lasts: FaultKind['lasts'], act: (link: TcpProxy) => void): FaultKind {
  const { takes, variants } = between;
  return {
    name,
    takes,
    lasts,
    variants,
    meet({ world }, variant) {
      const { links, ...about } = between.ways(world, variant);
      const disturbed = (): number => links.reduce((sum, link) => sum + link.disturbed, 0);
      const before = disturbed();
      return {
        ...about,
        inject: async () => links.forEach(act),
        heal: async () => links.forEach((link) => link.heal()),
        took: () => disturbed() > before,
      };
    },
  };
}

/** A process tells that Kafka is away when its attempts to connect are over. */
const UNTIL_GIVEN_UP: FaultKind['lasts'] = [10_000, 14_000];
/** A process learns only by `kafka.publishTimeout` (10 s) that brokers which accept everything answer nothing. */
const UNTIL_NOTICED: FaultKind['lasts'] = [18_000, 20_000];

export const NETWORK_FAULTS: readonly FaultKind[] = [
  refused(memberAndBroker),
  silent(memberAndBroker),
  refused(memberAndKafka, UNTIL_GIVEN_UP),
  silent(memberAndKafka, UNTIL_NOTICED),
  refused(memberAndRedis),
  silent(memberAndRedis),
  reset(clientsAndGateway),
  refused(clientsAndGateway),
  silent(clientsAndGateway),
];

function memberBy(world: World, variant: number): Member {
  return membersOf(world)[variant % MEMBERS]!;
}
