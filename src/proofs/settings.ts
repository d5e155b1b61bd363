import { z } from 'zod'
import { type ObjectiveId, type ObjectiveParams, objectives } from '../objectives/index.ts'
import { type TrainConfig, trainConfig } from '../train/index.ts'

/** Keys of one training, with types that its verb takes. */
export type TrainSettings<I extends ObjectiveId> = Partial<TrainConfig & ObjectiveParams<I>> & { reference?: string }

/** The settings of a recipe that is one training: all of its keys, with the paper's defaults where they differ. */
export function trainSettings<I extends ObjectiveId>(
  objective: I,
  defaults: TrainSettings<I> = {},
): z.ZodObject & z.ZodType<TrainSettings<I>> {
  const schema = trainConfig(objectives[objective]) as z.ZodObject
  const replaced = Object.entries(defaults).map(([key, value]) => {
    const known = schema.shape[key] as z.ZodDefault<z.ZodType>
    return [
      key,
      known
        .unwrap()
        .default(value)
        .describe(known.description ?? ''),
    ]
  })
  return z.strictObject({ ...schema.shape, ...Object.fromEntries(replaced) }) as never
}
