export { MemoryMessageLog } from '../log/memory/memory.message.log.js';
export { MemoryLogOptions } from '../log/log.options.js';
export { MemoryEntityRepository } from '../service/entity/memory.entity.repository.js';
export { type ContractCase, entityRepositoryContract, type RepositoryUnderTest } from './entity.repository.contract.js';
export { HandlerTester, type TestCommandOptions, type TesterOptions } from './handler.tester.js';
export { NothingCameError } from './testing.errors.js';
