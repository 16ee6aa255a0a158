import { h, s, setTone } from './dom.js';
import { duration } from './format.js';

/** The stations, as boxes: x, y, width, height, what they are called and what they do. */
const STATIONS = {
  browser: [10, 62, 160, 96, 'Your browser', 'holds the private key'],
  gateway: [260, 62, 170, 96, 'Gateway', 'keeps no state'],
  kafka: [520, 40, 270, 140, 'Kafka', 'the log decides'],
  service: [880, 62, 170, 96, 'Service', 'auction'],
  everyone: [10, 262, 160, 62, 'All browsers', 'see the events'],
  timer: [330, 262, 170, 62, 'Time-outs', 'Bull, or in process'],
  dead: [600, 262, 170, 62, 'Dead letters', 'auction.dlq'],
  payment: [880, 262, 170, 62, 'Another service', 'payment'],
};

/** The ways between them, in the direction of travel, and where their time is written. */
const SEGMENTS = {
  'browser-gateway': { d: 'M170 92H260' },
  'gateway-kafka': { d: 'M430 92H520', time: [475, 80] },
  'kafka-service': { d: 'M790 92H880' },
  'service-kafka': { d: 'M880 130H790', time: [835, 152] },
  'kafka-gateway': { d: 'M520 130H430' },
  'gateway-browser': { d: 'M260 130H170', time: [215, 152] },
  'gateway-timer': { d: 'M375 158C375 205 400 215 400 262' },
  'timer-kafka': { d: 'M470 262C470 215 570 235 570 180', time: [548, 240] },
  'service-dead': { d: 'M920 158C920 225 690 195 690 262' },
  'service-payment': { d: 'M990 158V262' },
  'gateway-everyone': { d: 'M300 158C300 240 270 293 170 293', time: [232, 312] },
};

const SIDE = new Set(['everyone', 'timer', 'dead', 'payment']);

/** They carry a refusal or a time-out as they carry anything else; it is no trouble of theirs. */
const CARRIERS = new Set(['gateway', 'kafka']);

/** The map of the system; steps light it up. The list beside it says the same in words, so it is hidden from readers. */
export class PathMap {
  #stations = new Map();
  #segments = new Map();
  #cells = s('g');
  #shown = [];
  element = s('svg', { class: 'map', viewBox: '0 30 1060 302', 'aria-hidden': 'true', 'data-testid': 'path-map' });

  constructor() {
    for (const [name, segment] of Object.entries(SEGMENTS)) this.#segments.set(name, this.#draw(segment));
    for (const [name, box] of Object.entries(STATIONS)) this.#stations.set(name, station(name, box));
    this.element.append(
      ...[...this.#segments.values()].map(({ group }) => group),
      ...this.#stations.values(),
      this.#cells,
    );
    this.clear();
  }

  clear() {
    for (const { group, time } of this.#segments.values()) {
      group.classList.remove('lit');
      if (time) time.textContent = '';
    }
    for (const group of this.#stations.values()) group.classList.remove('lit', 'waiting');
    this.#shown = [];
    this.#drawCells();
  }

  show({ tone, lights, station: name, cell, waiting, ms }) {
    for (const light of lights) this.#light(light, tone, ms);
    const group = this.#stations.get(name);
    setTone(group, CARRIERS.has(name) ? 'go' : tone);
    group.classList.add('lit');
    group.classList.toggle('waiting', waiting === true);
    if (cell) this.#shown.push({ ...cell, tone });
    this.#drawCells();
  }

  serviceSleeps(asleep) {
    const group = this.#stations.get('service');
    group.classList.toggle('asleep', asleep);
    group.querySelector('.role').textContent = asleep ? 'asleep  z Z z' : 'auction';
  }

  #light(name, tone, ms) {
    const { group, time } = this.#segments.get(name);
    setTone(group, tone);
    group.classList.add('lit');
    if (time && ms !== undefined) time.textContent = `+${duration(ms)}`;
  }

  #draw({ d, time }) {
    const track = s('path', { class: 'track', d });
    const text = time && s('text', { class: 'time', x: time[0], y: time[1] });
    const group = s('g', {}, track, s('path', { class: 'light', d, pathLength: 1 }), chevron(track), text);
    return { group, time: text };
  }

  /** A stretch of the partition with this request's records in it, in the order of the log. */
  #drawCells() {
    const cells = this.#shown.toSorted((one, other) => Number(BigInt(one.at[2]) - BigInt(other.at[2]))).slice(-3);
    const empty = Array.from({ length: 3 - cells.length }, () => undefined);
    this.#cells.replaceChildren(
      s(
        'text',
        { class: 'role', x: 536, y: 168 },
        cells[0] ? `${cells[0].at[0]}, partition ${cells[0].at[1]}` : 'topic auction',
      ),
      ...[...cells, ...empty].map((cell, index) => drawCell(cell, 536 + index * 80)),
    );
  }
}

function station(name, [x, y, width, height, title, role]) {
  const top = name === 'kafka' ? y + 28 : y + height / 2 - 5;
  return s(
    'g',
    { class: SIDE.has(name) ? 'station side' : 'station', 'data-station': name },
    s('rect', { class: 'box', x, y, width, height, rx: 14 }),
    s('text', { class: 'name', x: x + 16, y: top }, title),
    s('text', { class: 'role', x: name === 'kafka' ? x + 70 : x + 16, y: name === 'kafka' ? top : top + 20 }, role),
  );
}

function drawCell(cell, x) {
  const box = s('rect', { x, y: 80, width: 76, height: 66, rx: 8 });
  if (!cell) return s('g', { class: 'cell' }, box);
  const lines = cell.name.split('.'); // `Bid.Created` takes two
  const top = 108 - (lines.length - 1) * 8;
  return s(
    'g',
    { class: `cell lit tone-${cell.tone}` },
    box,
    ...lines.map((line, index) => s('text', { x: x + 38, y: top + index * 15 }, line)),
    s('text', { class: 'offset', x: x + 38, y: top + lines.length * 16 + 4 }, `@${cell.at[2]}`),
  );
}

/** A small arrow in the middle of a way: without it the colours alone would tell the direction. */
function chevron(track) {
  const measured = s('path', { d: track.getAttribute('d') });
  const middle = measured.getTotalLength() * 0.55;
  const [here, next] = [measured.getPointAtLength(middle), measured.getPointAtLength(middle + 1)];
  const angle = (Math.atan2(next.y - here.y, next.x - here.x) * 180) / Math.PI;
  return s('path', {
    class: 'chevron',
    d: 'M-4 -5L3 0L-4 5',
    transform: `translate(${here.x} ${here.y}) rotate(${angle})`,
  });
}

/** The same steps in words. */
export function stepItem({ tone, what, detail, ms }) {
  return h(
    'li',
    { class: `tone-${tone}` },
    h('span', { class: 'what' }, what),
    ms !== undefined && h('span', { class: 'when' }, ms === 0 ? '' : ` +${duration(ms)}`),
    detail && h('span', { class: 'detail' }, detail),
  );
}
