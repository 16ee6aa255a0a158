import { LONG } from './command.mix.js';
import type { AcceptedEntry, Asked, Entry, Late, Sent, Told } from './entry.js';
import type { Violations } from './violation.js';
import type { WrittenEnding, WrittenLog } from './written.log.js';

/** What stands in the log, and so is the same for everybody. */
const DECIDED: readonly string[] = ['success', 'invalid', 'rejected', 'failed', 'timeout'];
/** What was not carried out, or perhaps not: nobody with time enough is told that while nothing is broken. */
const FAILED: readonly string[] = ['timeout', 'unavailable', 'unknown'];
/** How early a time-out may be at most, in milliseconds: as far as a gateway's guess of Redis's clock may be off. */
const EARLY = 1_000;

/** An answer `success`: the number of its request, and the run that gave it. */
export interface Answer {
  readonly n: number;
  readonly run?: string;
}

/** How long an outcome is remembered at least, in milliseconds: gateways do so for a minute, and what is on its way may be late. */
const REMEMBERED = 40_000;

/** All that is known of one command that a client asked for. */
interface Request {
  readonly asked: Asked;
  /** The last time that it went out. */
  sent?: Sent;
  sends: number;
  /** Whether nothing was broken when it was asked for. */
  readonly calm: boolean;
  told?: Told;
  readonly lates: Late[];
}

/**
 * Exactly one outcome for each request, the first terminal record of the log (G5.1, G1.9); none for what was refused (G1.2, G2.2);
 * no record lost that was acknowledged (G2.1); nothing of somebody else's (G9.7); the order of a socket kept (G2.4).
 */
export class OutcomeCheck {
  private readonly requests = new Map<number, Request>();
  private readonly byId = new Map<string, Request>();
  /** By client, when it was without a connection or changed it last. */
  private readonly lastClosed = new Map<number, number>();
  /** By socket and key, the last request that went out there for the first time, and stands in the log. */
  private readonly written = new Map<string, Sent>();
  private readonly told: Record<string, number> = {};
  private calm = false;

  /** @param widened whether partitions were added to the topic meanwhile */
  constructor(
    private readonly log: WrittenLog,
    private readonly violations: Violations,
    private readonly widened: boolean,
  ) {}

  take(entry: Entry): void {
    if (entry.what === 'phase') this.calm = entry.calm;
    else if (entry.what === 'asked') this.requests.set(entry.n, { asked: entry, sends: 0, lates: [], calm: this.calm });
    else if (entry.what === 'sent') this.sent(entry);
    else if (entry.what === 'accepted') this.accepted(entry);
    else if (entry.what === 'told') this.settled(entry);
    else if (entry.what === 'late') this.late(entry);
    else if (entry.what === 'result') this.owned(entry.client, entry.id, 'a result');
    else if (entry.what === 'closed') this.lastClosed.set(entry.client, entry.t);
  }

  end(): void {
    for (const [n, request] of this.requests) this.judge(n, request);
    for (const [id, commands] of this.log.commands) {
      if (!this.byId.has(id)) continue; // asked by the harness itself, which counts no outcomes
      if (!this.log.endings.has(id))
        this.violations.add('lost', `request ${id} (n ${commands[0]!.n}) is in the log, and nothing ends it`);
    }
    this.checkSocketOrder();
  }

  /** All answers `success` of the log to what clients asked for, whether or not they were told. */
  get answers(): Answer[] {
    const answers: Answer[] = [];
    for (const [id, { asked }] of this.byId) {
      for (const { status, run } of this.log.endings.get(id) ?? [])
        if (status === 'success') answers.push({ n: asked.n, run });
    }
    return answers;
  }

  get summary() {
    const contested = [...this.log.endings.values()].filter(isContested).length;
    return { requests: this.requests.size, outcomes: this.told, contested };
  }

  private sent(entry: Sent): void {
    const request = this.requests.get(entry.n)!;
    request.sends++;
    request.sent = entry;
    this.byId.set(entry.id, request);
  }

  private accepted({ client, id, at: [, partition, offset] }: AcceptedEntry): void {
    if (!this.owned(client, id, 'an acceptance')) return;
    // Whose command is not known (any more) is told where its outcome stands: such as a time-out of what was never written.
    const places = [...(this.log.commands.get(id) ?? []), ...(this.log.endings.get(id) ?? [])];
    const there = places.some((one) => one.partition === partition && one.offset === Number(offset));
    if (!there) this.violations.add('lost', `request ${id} was accepted at ${partition}@${offset}, and is not there`);
  }

  private settled(entry: Told): void {
    const { status, n } = entry;
    this.told[status] = (this.told[status] ?? 0) + 1;
    const request = this.requests.get(n)!;
    if (request.told) this.violations.add('double', `request ${n} was told twice: ${request.told.status}, ${status}`);
    request.told = entry;
    this.checkTime(request, entry);
    if (status === 'unknown' && !this.mayBeUnknown(request, entry))
      this.violations.add(
        'lost',
        `request ${n} was told ${status} (${entry.code}), though its client never lost its gateway`,
      );
  }

  private checkTime({ asked, calm }: Request, { n, status, code, t }: Told): void {
    const lived = t - asked.t;
    if (status === 'timeout' && lived < asked.ttl - EARLY)
      this.violations.add('false', `request ${n} was told timeout after ${lived} ms, and had ${asked.ttl}`);
    if (calm && asked.ttl >= LONG && FAILED.includes(status))
      this.violations.add(
        'lost',
        `request ${n} was told ${status} (${code}) after ${lived} ms, and nothing was broken`,
      );
  }

  private late(entry: Late): void {
    const request = this.byId.get(entry.id);
    if (request) request.lates.push(entry);
    this.owned(entry.client, entry.id, 'an outcome');
  }

  /** Nobody else's request. */
  private owned(client: number, id: string, what: string): boolean {
    const request = this.byId.get(id);
    if (request?.asked.client === client) return true;
    this.violations.add(
      'false',
      `client ${client} got ${what} of request ${id}, which is of client ${request?.asked.client}`,
    );
    return false;
  }

  /** Only who was cut off (N4). */
  private mayBeUnknown({ asked, sends }: Request, { t, client }: Told): boolean {
    const closed = this.lastClosed.get(client) ?? -1;
    return sends > 1 || (closed >= asked.t && closed <= t);
  }

  private judge(n: number, request: Request): void {
    const { told, asked, sent, lates } = request;
    const name = `request ${n} (${asked.command}, ${sent?.id ?? 'never sent'})`;
    if (!told) return this.violations.add('lost', `${name} was never settled`);
    const endings = (sent && this.log.endings.get(sent.id)) ?? [];
    const firsts = this.firsts(name, request, endings);
    const decided = DECIDED.includes(told.status);
    if (decided) this.judgeOutcome(name, told, firsts, endings);
    else if (told.status !== 'unknown') this.judgeRefusal(name, told, sent);
    this.judgeLates(name, request, firsts, endings);
    if (told.status === 'unknown' && firsts.length > 0 && lates.length === 0)
      this.violations.add('lost', `${name} was told unknown, and never that the log says ${say(firsts[0])}`);
  }

  /** Where partitions were added, a request that is sent again may have another reply partition (N7): whatever is first in either counts. */
  private firsts(name: string, { sends }: Request, endings: readonly WrittenEnding[]): readonly WrittenEnding[] {
    const firsts = firstOfEach(endings);
    if (firsts.length < 2 || (this.widened && sends > 1)) return firsts;
    this.violations.add('double', `${name} has outcomes in several partitions: ${firsts.map(say).join(', ')}`);
    return firsts.slice(0, 1);
  }

  private judgeOutcome(
    name: string,
    told: Told,
    firsts: readonly WrittenEnding[],
    endings: readonly WrittenEnding[],
  ): void {
    if (isAmong(firsts, told)) return;
    const kind = isAmong(endings, told) ? 'double' : 'false';
    this.violations.add(kind, `${name} was told ${say(told)}; the log says ${endings.map(say).join(', ')}`);
  }

  /** What comes behind an outcome is told only where no gateway remembers that one any more (G11.1). */
  private judgeLates(
    name: string,
    { told, lates }: Request,
    firsts: readonly WrittenEnding[],
    endings: readonly WrittenEnding[],
  ): void {
    let before: Told | Late | undefined = told && DECIDED.includes(told.status) ? told : undefined;
    for (const late of lates) {
      if (before && late.t - before.t < REMEMBERED)
        this.violations.add('double', `${name} was told ${before.status}, and then ${late.status}`);
      else if (!isAmong(before ? endings : firsts, late))
        this.violations.add(
          'false',
          `${name} was told ${late.status} late; the log says ${endings.map(say).join(', ')}`,
        );
      before = late;
    }
  }

  /** Only what certainly was not carried out is refused. */
  private judgeRefusal(name: string, { status, code }: Told, sent: Sent | undefined): void {
    if (status !== 'unavailable') return this.violations.add('false', `${name} was told ${status} (${code})`);
    if (sent && this.log.commands.has(sent.id))
      this.violations.add('false', `${name} was told ${status} (${code}), and its command is in the log`);
  }

  /** Requests of one socket and key that went out once each, and are written once each, stand in the log as they were sent. */
  private checkSocketOrder(): void {
    for (const { asked, sent, sends } of this.requests.values()) {
      const commands = sent && this.log.commands.get(sent.id);
      if (!commands || sends > 1 || commands.length > 1) continue;
      const lane = `${sent.client} ${sent.socket} ${asked.key} ${commands[0]!.partition}`;
      const before = this.written.get(lane);
      const offset = before ? this.log.commands.get(before.id)![0]!.offset : -1;
      if (commands[0]!.offset < offset)
        this.violations.add(
          'disorder',
          `requests ${before!.n} and ${sent.n} of key ${asked.key} stand in the log the other way round`,
        );
      this.written.set(lane, sent);
    }
  }
}

/** The first one of each partition. */
function firstOfEach(endings: readonly WrittenEnding[]): WrittenEnding[] {
  return endings.filter((one, index) => endings.findIndex(({ partition }) => partition === one.partition) === index);
}

/** Whether what was told is one of these. Answers `success` name a run, nothing else does. */
function isAmong(endings: readonly WrittenEnding[], told: { readonly status: string; readonly run?: string }): boolean {
  return endings.some(({ status, run }) => status === told.status && run === told.run);
}

function isContested(endings: readonly WrittenEnding[]): boolean {
  return new Set(endings.map(({ status }) => status)).size > 1;
}

function say(ending: (Partial<WrittenEnding> & { readonly status: string }) | undefined): string {
  if (!ending) return 'nothing';
  const { partition, offset } = ending;
  const at = offset === undefined ? '' : ` at ${partition}@${offset}`;
  return `${ending.status}${ending.run ? ` of run ${ending.run}` : ''}${at}`;
}
