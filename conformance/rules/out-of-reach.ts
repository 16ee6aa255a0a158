import { describe } from 'vitest';
import { rule } from '../rule.js';

/** Rules that nobody can look at from a socket of a gateway that runs well, or not with the sample's commands; and why. */
const OUT_OF_REACH: Readonly<Record<string, string>> = {
  'connect.7': 'who is let in by a cookie or a header, the application decides',
  'hello.9': 'what judges tokens would have to be away',
  'welcome.4': 'the gateway would have to be starting',
  'welcome.5': 'the log would have to be away',
  'request.12': 'who may send what, the application decides',
  'request.13': 'the log would have to be away, or too much to do',
  'progress.1': 'the sample would have to fail, and to try again',
  'progress.2': 'the sample would have to fail, and to try again',
  'progress.3': 'the sample would have to fail, and to try again',
  'broadcast.4': 'the sample gives every event a key of its own',
  'broadcast.5': 'the sample keeps nothing of this topic inside',
  'broadcast.6': 'who may read what, the application decides',
  'refresh.4': 'the end of a token would have to be waited for',
  'position.6': 'partitions would have to be added',
  'repeat.7': 'two gateways on one log would be needed, and one would have to die',
  'repeat.8': 'the log would have to be away',
  'epoch.2': 'another log would be needed',
  'recovery.10': 'more records than the gateway replays would be needed, or older ones than the log holds',
  'recovery.12': 'more bytes than sockets and gateway buffer would have to be sent and not read',
  'limit.5': 'more topics than a socket may open channels would be needed',
  'limit.6': 'as many connections as the gateway takes would be needed',
  'limit.7': 'more bytes than sockets and gateway buffer would have to be sent and not read',
  'limit.9': 'as many connections as the gateway takes would be needed',
  'limit.10': 'as many connections as the gateway takes would be needed',
  'limit.11': 'more requests would have to wait than a test should make',
  'close.1': 'the gateway would have to be stopped',
};

describe('out of reach', () => {
  for (const [name, why] of Object.entries(OUT_OF_REACH)) rule(`[${name}]`, ({ skip }) => skip(why));
});
