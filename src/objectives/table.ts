import { alphapo } from './alphapo.ts'
import { aot, aotUnpaired } from './aot.ts'
import { apoDown, apoZero } from './apo.ts'
import { apoZeroUnpaired } from './apo-unpaired.ts'
import { asft } from './asft.ts'
import { bco } from './bco.ts'
import { cdpo } from './cdpo.ts'
import { cpo } from './cpo.ts'
import { discopop } from './discopop.ts'
import { distill } from './distill.ts'
import { dpo } from './dpo.ts'
import { dpop } from './dpop.ts'
import { exo } from './exo.ts'
import { hinge } from './hinge.ts'
import { intuitiveFt } from './intuitive-ft.ts'
import { ipo } from './ipo.ts'
import { kto } from './kto.ts'
import { lengthDpo } from './length-dpo.ts'
import { lnDpo } from './ln-dpo.ts'
import { longpo } from './longpo.ts'
import { nashMd } from './nash-md.ts'
import { nca } from './nca.ts'
import type { Objective } from './objective.ts'
import { openchatCrlft } from './openchat-crlft.ts'
import { orpo } from './orpo.ts'
import { poft } from './poft.ts'
import { infonca, plackettLuce } from './rankings.ts'
import { rdpo } from './rdpo.ts'
import { reward } from './reward.ts'
import { rewardGraded } from './reward-graded.ts'
import { rewardListwise } from './reward-listwise.ts'
import { rewardOutcome } from './reward-outcome.ts'
import { rewardProcess } from './reward-process.ts'
import { rpoSft } from './rpo-sft.ts'
import { selm } from './selm.ts'
import { sft } from './sft.ts'
import { sftmix } from './sftmix.ts'
import { sharpening } from './sharpening.ts'
import { simpo } from './simpo.ts'
import { slic } from './slic.ts'
import { sppo } from './sppo.ts'
import { tpo } from './tpo.ts'

/** Every objective by its id: what the command line, the docs, the tests and the recipes read. */
const table = {
  sft,
  dpo,
  ipo,
  cdpo,
  hinge,
  slic,
  orpo,
  cpo,
  simpo,
  alphapo,
  sppo,
  nca,
  exo,
  'apo-zero': apoZero,
  'apo-down': apoDown,
  aot,
  'aot-unpaired': aotUnpaired,
  discopop,
  dpop,
  'length-dpo': lengthDpo,
  'ln-dpo': lnDpo,
  rdpo,
  'rpo-sft': rpoSft,
  asft,
  longpo,
  tpo,
  selm,
  sharpening,
  'plackett-luce': plackettLuce,
  infonca,
  kto,
  bco,
  'apo-zero-unpaired': apoZeroUnpaired,
  poft,
  'nash-md': nashMd,
  'openchat-crlft': openchatCrlft,
  'intuitive-ft': intuitiveFt,
  sftmix,
  distill,
  reward,
  'reward-listwise': rewardListwise,
  'reward-graded': rewardGraded,
  'reward-outcome': rewardOutcome,
  'reward-process': rewardProcess,
}

export type ObjectiveId = keyof typeof table

/** The parameters of an objective, by its id. */
export type ObjectiveParams<I extends ObjectiveId> = (typeof table)[I]['params']

export const objectives = table as unknown as Readonly<Record<ObjectiveId, Objective>>
