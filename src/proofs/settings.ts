import { z } from 'zod'
import { type ObjectiveId, type ObjectiveParams, objectives } from '../objectives/index.ts'
import { type OnlineConfig, onlineConfig, onlineMethods, type TrainConfig, trainConfig } from '../train/index.ts'

/** Keys of one training, with types that its verb takes. */
export type TrainSettings<I extends ObjectiveId> = Partial<TrainConfig & ObjectiveParams<I>> & { reference?: string }

/** The settings of a recipe that is one training: all of its keys, with the paper's defaults where they differ. */
export function trainSettings<I extends ObjectiveId>(
  objective: I,
  defaults: TrainSettings<I> = {},
): z.ZodObject & z.ZodType<TrainSettings<I>> {
  return withDefaults(trainConfig(objectives[objective]) as z.ZodObject, defaults) as never
}

/** The settings of a recipe that is one online training: all keys of the method, with the paper's defaults where they differ. */
export function onlineSettings(
  method: string,
  defaults: Partial<OnlineConfig> & Readonly<Record<string, unknown>> = {},
): z.ZodObject & z.ZodType<OnlineConfig> {
  return withDefaults(onlineConfig(onlineMethods[method]), defaults) as never
}

function withDefaults(schema: z.ZodObject, defaults: object): z.ZodObject {
  const replaced = Object.entries(defaults).map(([key, value]) => {
    const known = schema.shape[key] as z.ZodDefault<z.ZodType>
    const about = known.description ?? ''
    return [key, known.unwrap().default(value).describe(about)]
  })
  return z.strictObject({ ...schema.shape, ...Object.fromEntries(replaced) })
}
