// Clients need it without Nest, so it stands in a room of its own.
export { type Address, CommandAddress, commandAddressOf } from '../../entity/command-address.decorator.js';
