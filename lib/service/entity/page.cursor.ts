import type { EntityId } from '../../entity/versioned.entity.js';
import { CommandRejectedError } from '../service.errors.js';

/** A page's end as its clients carry it; nothing that they should read. */
export function cursorOf(id: EntityId): string {
  return Buffer.from(JSON.stringify(id)).toString('base64url');
}

/** @throws {CommandRejectedError} `INVALID_CURSOR` */
export function idOf(cursor: string): EntityId {
  const id = parsed(Buffer.from(cursor, 'base64url').toString());
  if (typeof id === 'string' || Number.isSafeInteger(id)) return id as EntityId;
  throw invalidCursor();
}

export function invalidCursor(): CommandRejectedError {
  return new CommandRejectedError('INVALID_CURSOR', 'The cursor is none that a page ended with. Begin without one.');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
