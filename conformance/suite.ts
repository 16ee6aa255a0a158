/* oxlint-disable import/no-unassigned-import -- rules are declared by being imported */
// One file, so that all rules are looked at side by side: most of the time goes by with waiting for a heartbeat.
import './rules/connecting.js';
import './rules/frames.js';
import './rules/sessions.js';
import './rules/requests.js';
import './rules/repeats.js';
import './rules/events.js';
import './rules/sealing.js';
import './rules/recovery.js';
import './rules/limits.js';
import './rules/heartbeat.js';
import './rules/out-of-reach.js';
