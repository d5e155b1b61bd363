import type { Contestant } from './contest.ts'
import { hone, llamaCpp, torch } from './peers.ts'
import { shapes } from './shapes.ts'

/** A contest to be held: contestants that do the same work. */
export interface Plan {
  what: string
  shape: string
  unit: string
  contestants: Contestant[]
}

const precisions = ['f32', 'bf16']
const honeIn = (kinds: readonly string[], args: readonly string[], name = '') =>
  kinds.map((kind) => hone(`hone ${kind}${name}`, [...args, '--precision', kind]))

/** PyTorch as it comes, and compiled in both precisions. */
const torchSettings = (args: readonly string[]) => [
  ...torch('PyTorch f32', [...args]),
  ...torch('PyTorch f32 compiled', [...args, '--compile']),
  ...torch('PyTorch bf16 compiled', [...args, '--compile', '--autocast']),
]

/** PyTorch's best of sft: rows of like length together, logits where they are learnt alone. */
const byLength = ['sft', '--sorted', '--head', 'answers']

const lora = (): Plan[] =>
  Object.keys(shapes).map((shape) => {
    const args = ['train', '--shape', shape, '--rank', '16', ...steps(shape)]
    return {
      what: 'lora',
      shape,
      unit: 'tokens/s',
      contestants: [...honeIn(precisions, args), ...torchSettings(args)],
    }
  })

/** A step of (a) is short: three make a measurement. */
const steps = (shape: string) => (shape === 'a' ? ['--steps', '3'] : [])

/** The parts of the benchmark that compare contestants, in the order in which they are held. */
export const parts: Readonly<Record<string, () => Plan[]>> = {
  /** Of all weights, and of an adapter alone. */
  train: () => [
    ...Object.keys(shapes).map((shape) => {
      const args = ['train', '--shape', shape, ...steps(shape)]
      return {
        what: 'train',
        shape,
        unit: 'tokens/s',
        contestants: [...honeIn(precisions, args), ...torchSettings(args)],
      }
    }),
    ...lora(),
  ],
  lora,
  sft: () => [
    {
      what: 'sft',
      shape: 'b',
      unit: 'learnt tokens/s',
      contestants: [
        ...honeIn(precisions, ['sft']),
        ...torch('PyTorch f32', ['sft']),
        ...torch('PyTorch f32 compiled, by length', [...byLength, '--compile']),
        ...torch('PyTorch bf16 compiled, by length', [...byLength, '--compile', '--autocast']),
      ],
    },
  ],
  dpo: () => [
    {
      what: 'dpo',
      shape: 'b',
      unit: 'pairs/s',
      contestants: [
        ...honeIn(precisions, ['dpo']),
        ...torch('PyTorch f32 full logits', ['dpo', '--head', 'full']),
        ...torchSettings(['dpo', '--head', 'answers']),
      ],
    },
  ],
  /** hone against itself: what the shared prompt of a pair saves. */
  sharing: () => [
    {
      what: 'sharing',
      shape: 'b',
      unit: 'pairs/s',
      contestants: precisions.flatMap((kind) => [
        ...honeIn([kind], ['dpo']),
        ...honeIn([kind], ['dpo', '--apart'], ' apart'),
      ]),
    },
  ],
  decode: () =>
    [1, 16].flatMap((batch) => {
      const args = ['decode', '--batch', String(batch)]
      const what = `decode ${batch}`
      const unit = 'tokens/s'
      const ofB = [
        ...honeIn(precisions, args),
        hone('hone q8_0', [...args, '--quantize', 'q8_0']),
        ...torch('PyTorch f32', args),
        ...torch('PyTorch bf16', [...args, '--dtype', 'bf16']),
        ...['f32', 'bf16', 'q8_0'].flatMap((type) => llamaCpp(`llama.cpp ${type}`, 'decode', 'b', type, batch)),
      ]
      const small = [...args, '--shape', 'a']
      const ofA = [
        ...honeIn(['f32'], small),
        ...torch('PyTorch f32', small),
        ...llamaCpp('llama.cpp f32', 'decode', 'a', 'f32', batch),
      ]
      return [
        { what, shape: 'b', unit, contestants: ofB },
        { what, shape: 'a', unit, contestants: ofA },
      ]
    }),
  prefill: () => [
    {
      what: 'prefill',
      shape: 'b',
      unit: 'tokens/s',
      contestants: [
        ...honeIn(precisions, ['prefill']),
        ...torch('PyTorch f32', ['prefill']),
        ...torch('PyTorch bf16', ['prefill', '--dtype', 'bf16']),
        ...['f32', 'bf16'].flatMap((type) => llamaCpp(`llama.cpp ${type}`, 'prefill', 'b', type)),
      ],
    },
  ],
}
