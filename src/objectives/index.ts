import { dpo } from './dpo.ts'
import type { Objective } from './objective.ts'
import { sft } from './sft.ts'

export { countUnits, type Evaluated, evaluateObjective, type ReadBatch } from './evaluate.ts'
export {
  type Completions,
  logRatio,
  type Need,
  type Objective,
  type ObjectiveValue,
  objective,
  sequenceLogprobs,
  type Views,
  withParams,
} from './objective.ts'
export { dpo, sft }

/** Every objective by its id: what the command line, the docs and the tests read. */
export const objectives: Readonly<Record<string, Objective>> = {
  sft: sft as unknown as Objective,
  dpo: dpo as unknown as Objective,
}
