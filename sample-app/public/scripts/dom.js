/** Makes an HTML element. Children that are strings become text, never markup. */
export function h(tag, properties = {}, ...children) {
  return furnish(document.createElement(tag), properties, children);
}

/** Makes an SVG element. */
export function s(tag, properties = {}, ...children) {
  return furnish(document.createElementNS('http://www.w3.org/2000/svg', tag), properties, children);
}

function furnish(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** Sets the one `tone-…` class of an element; without a tone it has none. */
export function setTone(element, tone) {
  for (const name of [...element.classList]) if (name.startsWith('tone-')) element.classList.remove(name);
  if (tone) element.classList.add(`tone-${tone}`);
}
