import { NAME } from '../../protocol/names.js';
import { isAwaited, isRootCommand } from '../../message/outcome.rule.js';
import type { PlatformMessage } from '../../message/platform-message.js';
import type { Handled } from '../handling/handler.context.js';

// A crumb that follow-ups take over like any other, so that a reply written three services later still names its command.
const CRUMB = 'command';

/** Notes the name of the command that a client waits for in its own crumbs. */
export function namingRoot<P extends Handled>(message: PlatformMessage<P>): PlatformMessage<P> {
  const { breadCrumbs, payload } = message;
  if (payload.kind !== 'command' || !isRootCommand(message) || !isAwaited(breadCrumbs)) return message;
  return { ...message, breadCrumbs: { ...breadCrumbs, others: { ...breadCrumbs.others, [CRUMB]: payload.name } } };
}

/** The name of the command that a message follows from; where it was started by others than us, the best that is known. */
export function rootNameOf({ breadCrumbs, payload }: PlatformMessage): string {
  const name = breadCrumbs.others?.[CRUMB];
  if (name !== undefined && NAME.test(name)) return name;
  return payload.kind === 'event' ? payload.entity : payload.name;
}
