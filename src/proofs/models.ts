import { baseName, joinPath, platform } from '../base/index.ts'
import { exportHuggingFace } from '../export/index.ts'
import { initModel, weightsHash } from '../models/index.ts'
import type { ObjectiveId } from '../objectives/index.ts'
import { openBackend } from '../tensor/index.ts'
import { trainBpe } from '../text/index.ts'
import { type TrainHooks, type TrainOptions, train } from '../train/index.ts'

export interface FreshModel {
  /** What its tokenizer is trained on: words that come often become single tokens. */
  texts: readonly string[]
  /** Ids in all: the end token, 256 bytes, and a merge for each further one. */
  vocabSize: number
  width: number
  layers: number
  /** Longest row in tokens. */
  context: number
  seed: number
}

export type TrainedModel<I extends ObjectiveId> = Omit<TrainOptions<I>, 'out' | 'resume' | 'overwrite'>

/** Models that are made once and kept in the cache, named by the content of all that they were made of. */
export interface Models {
  /** A decoder with random weights: no chat template, one token that ends rows. */
  fresh(spec: FreshModel): Promise<string>
  /** The result of a training. */
  trained<I extends ObjectiveId>(objective: I, options: TrainedModel<I>): Promise<string>
}

const end = '<|end|>'

/** @param folder where they are kept */
export function openModels(folder: string, hooks: TrainHooks = {}): Models {
  /** The folder of what `key` names, after `make` has filled one that then takes its place: never half a model. */
  async function once(kind: string, key: unknown, make: (draft: string) => Promise<void>): Promise<string> {
    const hash = platform().sha256().update(JSON.stringify(key)).digest().slice(0, 24)
    const path = joinPath(folder, `${kind}-${hash}`)
    if (await platform().stat(joinPath(path, 'config.json'))) return path
    const draft = `${path}.${platform().processId()}`
    await platform().remove(draft)
    await make(draft)
    await platform().remove(joinPath(draft, 'run'))
    if (await platform().stat(joinPath(path, 'config.json'))) await platform().remove(draft)
    else await platform().rename(draft, path)
    return path
  }

  /** A model's content: the name of one that is kept here says it. */
  const contentOf = (model: string) =>
    model.startsWith(`${folder}/`) ? baseName(model) : weightsHash(model).catch(() => model)

  return {
    fresh: (spec) => once('fresh', spec, (draft) => writeFresh(spec, draft)),
    async trained(objective, options) {
      const key = { objective, ...options, model: await contentOf(options.model) }
      return once(objective, key, async (draft) => {
        await train(objective, { ...options, out: draft } as TrainOptions<typeof objective>, hooks)
      })
    },
  }
}

async function writeFresh({ texts, vocabSize, width, layers, context, seed }: FreshModel, folder: string) {
  const tokenizer = trainBpe(texts, { vocabSize, specialTokens: [end] })
  const headWidth = 32
  const config = {
    ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], hidden_act: 'silu', torch_dtype: 'float32' },
    ...{ vocab_size: Object.keys(tokenizer.model.vocab).length, hidden_size: width, num_hidden_layers: layers },
    ...{ intermediate_size: 8 * Math.round(width / 3), num_attention_heads: width / headWidth, head_dim: headWidth },
    ...{ num_key_value_heads: width / headWidth, max_position_embeddings: context, rope_theta: 10000 },
    ...{ rms_norm_eps: 1e-5, tie_word_embeddings: true, eos_token_id: 0 },
  }
  const settings = { tokenizer_class: 'PreTrainedTokenizerFast', eos_token: end, clean_up_tokenization_spaces: false }
  const backend = await openBackend({})
  try {
    const files = [
      { name: 'tokenizer.json', content: JSON.stringify(tokenizer) },
      { name: 'tokenizer_config.json', content: JSON.stringify(settings) },
    ]
    // A model of this size learns little from weights as small as those of large ones.
    const model = initModel(config, { backend, seed, deviation: 0.05 })
    await exportHuggingFace(model, folder, { files })
    model.dispose()
  } finally {
    backend.close()
  }
}
