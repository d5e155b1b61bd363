import { joinPath, throwIfAborted } from '../base/index.ts'
import { openModel } from '../engine/index.ts'
import { exportHuggingFace } from '../export/index.ts'
import { type OnlineOptions, online, type TrainHooks, type TrainOptions, train } from '../train/index.ts'
import type { Models } from './models.ts'
import type { Verbs } from './types.ts'

/** What an arm of a proof works with: the verbs of a program, and the circumstances of this run. */
export interface Bench<Size> extends Verbs {
  seed: number
  size: Size
  /** The models of the proof's `bases`, by name. */
  bases: Readonly<Record<string, string>>
  /** For what several arms start from: made by the first, then read. */
  models: Models
  /** Whether settings are being chosen, and not yet measured. */
  isPilot: boolean
}

export interface VerbOptions extends Pick<TrainHooks, 'signal' | 'onProgress'> {
  /** The folder of a stage, or that of the result for none. */
  folderOf(stage: string | undefined): string
  /** Follows the events of a stage's training. */
  follow?(label: string, length: { steps?: number | null; epochs?: number }): TrainHooks['onEvent']
  resume?: boolean
  overwrite?: boolean
}

/** The verbs of programs over the trainers of the library. */
export function openVerbs({ folderOf, follow, resume, overwrite, signal, onProgress }: VerbOptions): Verbs {
  return {
    async train(objective, { stage, ...options }) {
      throwIfAborted(signal)
      const out = folderOf(stage)
      const target = { ...options, out, resume, overwrite } as TrainOptions<typeof objective>
      await train(objective, target, { signal, onProgress, onEvent: follow?.(stage ?? objective, options) })
      throwIfAborted(signal)
      return out
    },
    async online(method, { stage, ...options }) {
      throwIfAborted(signal)
      const out = folderOf(stage)
      const target = { ...options, out, resume, overwrite } as unknown as OnlineOptions
      await online(method, target, { signal, onProgress, onEvent: follow?.(stage ?? method, {}) })
      throwIfAborted(signal)
      return out
    },
    async merge({ model, stage, config }) {
      throwIfAborted(signal)
      await using opened = await openModel(model, { signal, onProgress })
      const out = folderOf(stage)
      await exportHuggingFace(opened.model, out, { sourceFolder: opened.base, config, signal })
      return out
    },
  }
}

/** Folders of stages beside that of the result, which has to be empty when its own training begins. */
export const stageFolder = (out: string, stage: string | undefined): string =>
  stage === undefined ? out : joinPath(`${out}.stages`, stage)
