import { BROKER_FAULTS } from './broker.faults.js';
import type { FaultKind } from './fault.js';
import { GROUP_FAULTS } from './group.faults.js';
import { MEMBER_FAULTS } from './member.faults.js';
import { NETWORK_FAULTS } from './network.faults.js';
import { REDIS_FAULTS } from './redis.faults.js';

/** All that can go wrong. */
export const FAULTS: readonly FaultKind[] = [
  ...BROKER_FAULTS,
  ...REDIS_FAULTS,
  ...MEMBER_FAULTS,
  ...NETWORK_FAULTS,
  ...GROUP_FAULTS,
];
