// Without the outcome rule: any terminal record of a request counts, and not the first one alone.
import { RecoveringClient } from '../../../dist/lib/gateway/recovery/recovering.client.js';
import { RequestLedger } from '../../../dist/lib/gateway/request/request.ledger.js';
import { RedeliveryGuard } from '../../../dist/lib/service/dispatch/redelivery.guard.js';
import { demand } from '../protected.methods.mjs';

demand(RequestLedger, 'noteOutcome');
demand(RecoveringClient, 'isOutcome');
demand(RedeliveryGuard, 'endingOf');

const { noteOutcome } = RequestLedger.prototype;
RequestLedger.prototype.noteOutcome = function (identity, at) {
  noteOutcome.call(this, identity, at);
  return true;
};
RecoveringClient.prototype.isOutcome = () => true;
RedeliveryGuard.prototype.endingOf = () => undefined;
