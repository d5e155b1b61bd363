import { dpo, dpoConfig } from '../train/index.ts'
import { mainKeys, train, trainingKeys, trainingPlaceholders } from './train.ts'
import { verb } from './verb.ts'

export default verb({
  summary: 'tune a model on pairs of a better and a worse answer',
  options: dpoConfig.extend(trainingKeys),
  main: mainKeys,
  placeholders: trainingPlaceholders,
  example: [
    `echo '{"prompt": "Say hi.", "chosen": "Hi!", "rejected": "No."}' > pairs.jsonl`,
    'hone train dpo --model tiny --data pairs.jsonl --out runs/dpo beta=0.1',
  ],
  run: (options, terminal) => train('dpo', options, (hooks) => dpo(options, hooks), terminal),
})
