// Loaded by `--import` before a member: its wall clock goes wrong when the world says so, in the file that CLOCK_FILE names, while timers go
// on as they do where NTP sets a clock. Not libfaketime: that shifts the monotonic clock of timers too or needs a file read at each call of
// it, and is a package more. All that a member asks for the time is JavaScript, and asks by `Date`.
import { readFileSync, watch, writeFileSync } from 'node:fs';

const { CLOCK_FILE } = process.env;
const RealDate = Date;
const realNow = Date.now;
let shift = 0;

function read() {
  // Empty while it is being written.
  shift = Number(readFileSync(CLOCK_FILE, 'utf8')) || 0;
  writeFileSync(`${CLOCK_FILE}.read`, String(shift)); // so that the world knows
}

const now = () => realNow() + shift;
globalThis.Date = new Proxy(RealDate, {
  apply: () => new RealDate(now()).toString(),
  construct: (target, values, newTarget) => Reflect.construct(target, values.length > 0 ? values : [now()], newTarget),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
// `instanceof` and `constructor` find the same class as before.
RealDate.prototype.constructor = globalThis.Date;

read();
watch(CLOCK_FILE, { persistent: false }, read);
