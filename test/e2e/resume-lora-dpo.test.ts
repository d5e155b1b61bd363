import { killAndResume, prepare } from '../resume-suite.ts'

prepare()
killAndResume('supervised, LoRA with dropout', 'sft', [
  'steps=50',
  'saveEvery=3',
  'adapter=lora',
  'rank=4',
  'dropout=0.1',
])
killAndResume('DPO', 'dpo', ['steps=50', 'saveEvery=2'])
