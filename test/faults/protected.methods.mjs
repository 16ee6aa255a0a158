/** @throws where a class has no such methods any more: a run without a protection that was renamed would have it, and find nothing */
export function demand(type, ...names) {
  const missing = names.filter((name) => !Object.hasOwn(type.prototype, name));
  if (missing.length > 0)
    throw new Error(`${type.name} has no ${missing.join(', ')}: what is switched off must be looked for anew.`);
}
