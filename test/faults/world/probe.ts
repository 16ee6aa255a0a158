/**
 * The command by which the world asks whether commands are answered, with no payload but `{}`: the members' services have a handler of it
 * on the world's topic, which returns at once and has no effect that the history knows of.
 */
export const PROBE = 'Probe';
