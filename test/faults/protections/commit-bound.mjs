// Without the bound of commits: all that was read is committed, also what is still under way.
import { CommitWatermark } from '../../../dist/lib/service/dispatch/commit.watermark.js';
import { demand } from '../protected.methods.mjs';

demand(CommitWatermark, 'finished');

Object.defineProperty(CommitWatermark.prototype, 'finished', {
  get() {
    return this.read;
  },
});
