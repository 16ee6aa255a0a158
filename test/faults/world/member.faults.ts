import type { FaultKind } from './fault.js';
import type { Member, MemberRole } from './member.js';
import { membersOf, type World } from './world.js';

const MEMBERS = 3;
/** Longer than the session of a group's member, than any heartbeat, and than the brokers wait. */
const ZOMBIE = 20_000;
/** How far a clock is moved, in milliseconds. */
const SHIFTS = [-40_000, 40_000];

function killed(role: MemberRole): FaultKind {
  return {
    name: `${role} killed`,
    takes: [role],
    lasts: [200, 8_000],
    variants: MEMBERS,
    meet({ world }, variant) {
      const member = membersIn(world, role)[variant]!;
      return { target: member.name, inject: () => member.kill(), heal: () => member.start() };
    },
  };
}

/** Stands still, with all of its connections open, and wakes when the others have long gone on without it. */
function frozen(role: MemberRole): FaultKind {
  return {
    name: `${role} frozen`,
    takes: [role],
    lasts: [ZOMBIE, ZOMBIE],
    variants: MEMBERS,
    meet({ world }, variant) {
      const member = membersIn(world, role)[variant]!;
      return {
        target: member.name,
        inject: async () => member.freeze(),
        heal: async () => member.thaw(),
      };
    },
  };
}

/** SIGTERM to one after the other, each of which is back before the next one goes. */
function rollingRestart(role: MemberRole): FaultKind {
  return {
    name: `${role}s restarted in turn`,
    takes: [role],
    lasts: [0, 0],
    variants: 1,
    meet({ world, signal }) {
      const members = membersIn(world, role);
      const startAll = async (): Promise<void> => void (await Promise.all(members.map((member) => member.start())));
      const inject = async (): Promise<void> => {
        for (const member of members) {
          if (signal.aborted) return;
          await member.stop();
          await member.start();
        }
      };
      return { target: `${role}s`, inject, heal: startAll };
    },
  };
}

/** The clock of one process jumps, and later back, as where NTP sets it. Redis is there meanwhile: its clock is the one that counts. */
const clockShifted: FaultKind = {
  name: 'clock shifted',
  takes: ['gateway', 'service', 'redis'],
  lasts: [5_000, 12_000],
  variants: 2 * MEMBERS * SHIFTS.length,
  meet({ world }, variant) {
    const members = membersOf(world);
    const member = members[variant % members.length]!;
    const shift = SHIFTS[Math.floor(variant / members.length)]!;
    let wasShifted = false;
    return {
      target: `${member.name}, ${shift} ms`,
      inject: async () => member.shiftClock(shift),
      async heal() {
        wasShifted = member.clockShift === shift;
        member.shiftClock(0);
      },
      took: () => wasShifted,
    };
  },
};

/** All services stand still at once while records that concern nobody pile up; then they and the gateways have to get through them. */
const lag: FaultKind = {
  name: 'lag',
  takes: ['service', 'group', 'broker'],
  lasts: [0, 0],
  variants: 1,
  meet({ world, lag: records }) {
    const each = (act: (service: Member) => void): void => world.services.forEach(act);
    return {
      target: `${records} records`,
      async inject() {
        each((service) => service.freeze());
        await world.pileUp(records);
      },
      heal: async () => each((service) => service.thaw()),
    };
  },
};

export const MEMBER_FAULTS: readonly FaultKind[] = [
  killed('gateway'),
  killed('service'),
  frozen('gateway'),
  frozen('service'),
  rollingRestart('gateway'),
  rollingRestart('service'),
  clockShifted,
  lag,
];

function membersIn(world: World, role: MemberRole): readonly Member[] {
  return role === 'gateway' ? world.gateways : world.services;
}
