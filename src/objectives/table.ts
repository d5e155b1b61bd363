import { apoDown, apoZero } from './apo.ts'
import { asft } from './asft.ts'
import { cdpo } from './cdpo.ts'
import { cpo } from './cpo.ts'
import { discopop } from './discopop.ts'
import { dpo } from './dpo.ts'
import { dpop } from './dpop.ts'
import { exo } from './exo.ts'
import { hinge } from './hinge.ts'
import { ipo } from './ipo.ts'
import { lengthDpo } from './length-dpo.ts'
import { lnDpo } from './ln-dpo.ts'
import { nca } from './nca.ts'
import type { Objective } from './objective.ts'
import { orpo } from './orpo.ts'
import { rdpo } from './rdpo.ts'
import { rpoSft } from './rpo-sft.ts'
import { sft } from './sft.ts'
import { simpo } from './simpo.ts'
import { sppo } from './sppo.ts'

/** Every objective by its id: what the command line, the docs, the tests and the recipes read. */
const table = {
  sft,
  dpo,
  ipo,
  cdpo,
  hinge,
  orpo,
  cpo,
  simpo,
  sppo,
  nca,
  exo,
  'apo-zero': apoZero,
  'apo-down': apoDown,
  discopop,
  dpop,
  'length-dpo': lengthDpo,
  'ln-dpo': lnDpo,
  rdpo,
  'rpo-sft': rpoSft,
  asft,
}

export type ObjectiveId = keyof typeof table

/** The parameters of an objective, by its id. */
export type ObjectiveParams<I extends ObjectiveId> = (typeof table)[I]['params']

export const objectives = table as unknown as Readonly<Record<ObjectiveId, Objective>>
