import { AuctionState } from './auction.state.js';
import { catalogue, keyOf, lotOf } from './catalogue.js';
import { showConnection } from './connection.view.js';
import { clock, money } from './format.js';
import { JournalView } from './journal.view.js';
import { showLots } from './lots.view.js';
import { PathView } from './path.view.js';
import { showNewLot } from './new.lot.view.js';
import { failureText } from './request.story.js';
import { RoomView } from './room.view.js';
import { Saleroom } from './saleroom.js';
import { showTrials } from './trials.view.js';
import { WireView } from './wire.view.js';

/** Why a lot stays where it was when it ends. */
const UNSOLD = { NO_BIDS: 'Closed without a bid', RESERVE_NOT_MET: 'Closed below the reserve' };

const element = (id) => document.getElementById(id);

const saleroom = open();
const state = new AuctionState();
const room = new RoomView(element('room'));
const path = new PathView(element('path'), element('path-subject'));
const journal = new JournalView(element('journal'), saleroom.journal, (request) => path.show(request));
const wire = new WireView(element('wire'));
let bankFails = 0;

showConnection(element('connection'), saleroom);
showLots(element('lots'), state, { bid, setReserve, setEnd, settle, retitle, withdraw });
showNewLot(element('new-lot'), putUp);
showTrials(element('trials'), { pause, work, bank });
hearEvents();
followRequests();
saleroom.addEventListener('recovered', loadAfresh);
void loadLots();
void loadCatalogue();

function open() {
  try {
    return new Saleroom(new URL('/socket', location.href.replace(/^http/, 'ws')).href);
  } catch (error) {
    // Results are sealed with WebCrypto, which browsers offer on https and on localhost only.
    element('connection').textContent = error.message;
    throw error;
  }
}

async function bid(lot, amount) {
  const outcome = await saleroom.ask('PlaceBid', { lot, amount }, { key: keyOf(lot) });
  if (outcome.status === 'success') return { text: `You lead with ${money(outcome.value.amount)}.`, tone: 'go' };
  return failure(outcome);
}

async function setReserve(lot, amount) {
  const outcome = await saleroom.ask('SetReserve', { lot, amount }, { key: keyOf(lot) });
  return outcome.status === 'success' ? { text: `The reserve is ${money(amount)}.`, tone: 'go' } : failure(outcome);
}

async function setEnd(lot, after) {
  const outcome = await saleroom.ask('SetEnd', { lot, after }, { key: keyOf(lot) });
  if (outcome.status !== 'success') return failure(outcome);
  return { text: 'The clock runs, also without this page. A late bid moves the end.', tone: 'go' };
}

async function settle(lot) {
  const asked = { lot, ...(bankFails > 0 && { bankFails }) };
  const outcome = await saleroom.ask('Settle', asked, { key: keyOf(lot), ttl: 10_000 });
  if (outcome.status !== 'success') return failure(outcome);
  const { winner, amount } = outcome.value;
  const more = state.lot(lot).closed ? '' : ' A higher bid opens it again.';
  return { text: `Sold to ${winner} for ${money(amount)}.${more}`, tone: 'go' };
}

/** How often the bank is to fail before a payment that is asked for here. */
function bank(fails) {
  bankFails = fails;
}

/** The number is the next one that is free; where somebody else has just taken it, the one after that. */
async function putUp({ title, maker }) {
  let id = Math.max(0, ...catalogue.entries.map(({ lot }) => lot));
  let outcome;
  do {
    id++;
    outcome = await saleroom.ask('CreateLot', { id, title, ...(maker && { maker }) }, { key: keyOf(id) });
  } while (outcome.code === 'ALREADY_EXISTS');
  return outcome.status === 'success' ? { text: `It is lot ${id}.`, tone: 'go' } : failure(outcome);
}

async function retitle(lot, title, version) {
  const outcome = await saleroom.ask('UpdateLot', { id: lot, version, title }, { key: keyOf(lot) });
  return outcome.status === 'success' ? { text: 'It has its new title.', tone: 'go' } : overtaken(outcome);
}

async function withdraw(lot, version) {
  const outcome = await saleroom.ask('DeleteLot', { id: lot, version }, { key: keyOf(lot) });
  return outcome.status === 'success' ? { text: 'It is withdrawn.', tone: 'go' } : overtaken(outcome);
}

/** Somebody else was faster. Their change is on the page by now, so who tries again knows what they change. */
function overtaken(outcome) {
  if (outcome.code !== 'VERSION_CONFLICT') return failure(outcome);
  return {
    text: 'Somebody else changed it meanwhile, as you see above. Try again, if you still want to.',
    tone: 'late',
    conflict: true,
  };
}

/**
 * Work under the key of each lot: a service takes the messages of one key in order, so every bid waits in Kafka until the
 * work is done. It is what a slow or paused service looks like from outside.
 */
async function pause(seconds) {
  const ms = seconds * 1_000;
  const sleep = ({ lot }) =>
    saleroom.ask('Work', { ms, value: 'awake' }, { key: keyOf(lot), ttl: ms + 10_000, quiet: true });
  path.serviceSleeps(true);
  await Promise.all(catalogue.entries.map(sleep));
  path.serviceSleeps(false);
}

function work(payload, ttl) {
  return saleroom.ask('Work', payload, { ttl });
}

function failure(outcome) {
  return { text: failureText(outcome), tone: outcome.status === 'timeout' ? 'late' : 'bad' };
}

function hearEvents() {
  saleroom.on('Bid', 'Created', ({ lot, amount }, meta) => {
    state.bid(lot, amount, meta.mine);
    tell(lot, `${money(amount)} bid`, meta);
  });
  saleroom.on('Reserve', 'Changed', (_nothing, meta) => void fetchReserve(meta));
  saleroom.on('Lot', 'Created', (lot, meta) => {
    catalogue.show(lot);
    tell(lot.id, 'Put up', meta);
  });
  saleroom.on('Lot', 'Updated', (lot, meta) => {
    catalogue.show(lot);
    tell(lot.id, 'Retitled', meta);
  });
  saleroom.on('Lot', 'Deleted', (lot, meta) => {
    tell(lot.id, 'Withdrawn', meta);
    catalogue.withdraw(lot);
  });
  saleroom.on('Lot', 'Ending', ({ lot, ends, overtime }, meta) => {
    state.ending(lot, { ends, overtime });
    tell(lot, `Ends at ${clock(new Date(ends))}`, meta);
  });
  saleroom.on('Lot', 'Closed', ({ lot, ends, amount, unsold }, meta) => {
    state.close(lot, ends);
    tell(lot, unsold ? (UNSOLD[unsold] ?? 'Closed') : `The hammer falls at ${money(amount)}`, meta);
  });
  saleroom.on('Payment', 'Delayed', ({ lot, attempt, attempts }, meta) => {
    state.trouble(lot, { attempt, attempts });
    tell(lot, `Bank away, try ${attempt} of ${attempts}`, meta);
  });
  saleroom.on('Payment', 'Failed', ({ lot, attempt, attempts }, meta) => {
    state.trouble(lot, { attempt, attempts, failed: true });
    tell(lot, `Not paid: bank away ${attempts} times`, meta);
  });
  saleroom.on('Lot', 'Sold', ({ lot, amount }, meta) => {
    state.sold(lot, amount);
    tell(lot, `Sold for ${money(amount)}`, meta);
  });
}

/** The event says only that the reserve changed, and of which lot; whoever may know it asks for it. */
async function fetchReserve(meta) {
  const lot = lotOf(meta.key);
  if (lot === undefined) return;
  tell(lot, 'Reserve changed', meta);
  const outcome = await saleroom.ask('GetReserve', { lot }, { key: keyOf(lot), quiet: true });
  if (outcome.status === 'success') state.reserve(lot, outcome.value.amount);
}

function tell(lot, text, { mine, time, caughtUp }) {
  room.add({ lot, text, who: mine ? 'you' : undefined, time, caughtUp });
}

async function loadLots() {
  const outcome = await saleroom.ask('GetLots', {}, { ttl: 30_000, quiet: true });
  if (outcome.status === 'success') state.loaded(outcome.value);
}

/** One page of a hundred: more would not be looked at. */
async function loadCatalogue() {
  const outcome = await saleroom.ask('ListLots', { limit: 100 }, { ttl: 30_000, quiet: true });
  if (outcome.status === 'success') catalogue.list(outcome.value.items);
}

function loadAfresh({ detail: { complete } }) {
  if (complete) return;
  state.forget();
  catalogue.forget();
  void loadLots();
  void loadCatalogue();
}

/** The newest request that somebody clicked for is drawn as it happens. */
function followRequests() {
  saleroom.journal.addEventListener('add', ({ detail }) => {
    if (!detail.quiet) journal.choose(detail);
  });
  saleroom.journal.addEventListener('change', ({ detail }) => path.update(detail));
  saleroom.addEventListener('frame', ({ detail: { direction, frame } }) => wire.add(direction, frame));
}
