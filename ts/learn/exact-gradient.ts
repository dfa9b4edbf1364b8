/**
 * Maximum likelihood by its exact gradient, for models small enough to enumerate (one side of at most 25 binary units):
 * `ΔW = rate · (⟨v h⟩ of the data − ⟨v h⟩ of the model − cost · W)` over all rows at once. What contrastive divergence
 * approximates.
 */
import { WakesleepError } from '../errors.js';
import { biasName, unitsOf, weightName } from '../graph/graph.js';
import { machineOf } from '../graph/machines.js';
import { LayerState } from '../infer/layer-state.js';
import { Source } from '../infer/source.js';
import { exactStatistics } from '../likelihood/exact.js';
import { upwardDrives } from '../likelihood/free-energy.js';
import { finiteNumber, freezeDeep, integer, refuseUnknown } from '../options.js';
import { created, withScratch } from '../runtime/allocation.js';
import { addActivity, addReconstruction, epochRecord } from './monitors.js';
import { readSchedule, type Schedule, scheduled } from './schedule.js';
import type { Training, TrainingLoop } from './training.js';
