/** What can be started in a process of its own: see the `answers` of each file for what it can be asked for. */
export const PROCESSES = {
  gateway: new URL('./gateway.process.js', import.meta.url),
  clients: new URL('./clients.process.js', import.meta.url),
  wsFloor: new URL('./ws.floor.process.js', import.meta.url),
  echo: new URL('./echo.process.js', import.meta.url),
  requesters: new URL('./requesters.process.js', import.meta.url),
  kafkajsFloor: new URL('./kafkajs.floor.process.js', import.meta.url),
  nestPeer: new URL('./nest.peer.process.js', import.meta.url),
  handlers: new URL('./handlers.process.js', import.meta.url),
  nestHandlers: new URL('./nest.handlers.process.js', import.meta.url),
  plainReader: new URL('./plain-reader.process.js', import.meta.url),
  temporaryConsumers: new URL('./temporary-consumers.process.js', import.meta.url),
};
