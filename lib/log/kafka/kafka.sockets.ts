import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

const KEEP_ALIVE_DELAY = 60_000;

/**
 * Opens sockets as kafkajs does, and knows them all: kafkajs waits for the answers of a broker before it hangs up, which may
 * never come, and loses a socket where two requests meet a connection that is just being opened.
 */
export class KafkaSockets {
  private readonly open = new Set<Socket>();

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    const serverName = isIP(host) === 0 ? { servername: host } : {};
    const socket = ssl
      ? connectTls({ host, port, ...serverName, ...(typeof ssl === 'object' && ssl) }, onConnect)
      : connectTcp({ host, port }, onConnect);
    this.open.add(socket);
    socket.once('close', () => {
      this.open.delete(socket);
      // kafkajs does this to a dead socket at every attempt to connect another, and each time a listener would stay behind.
      socket.unref = () => socket;
    });
    // Without it the last part of a long request may wait for the broker's delayed acknowledgement of the one before.
    return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_DELAY);
  };

  /** Cuts all. kafkajs listens for `error`, not for `close`: without one its requests would wait for their time-outs. */
  closeAll(): void {
    for (const socket of this.open) socket.destroy(new Error('The connection was closed.'));
  }
}
