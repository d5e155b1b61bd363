import { sft, sftConfig } from '../train/index.ts'
import { mainKeys, train, trainingKeys, trainingPlaceholders } from './train.ts'
import { verb } from './verb.ts'

export default verb({
  summary: 'tune a model on demonstrations: chats, prompts with completions, or plain text',
  options: sftConfig.extend(trainingKeys),
  main: mainKeys,
  placeholders: trainingPlaceholders,
  example: [
    `echo '{"messages": [{"role": "user", "content": "Say hi."}, {"role": "assistant", "content": "Hi!"}]}' > chats.jsonl`,
    'hone train sft --model tiny --data chats.jsonl --out runs/sft learningRate=1e-3 epochs=5',
  ],
  run: (options, terminal) => train('sft', options, (hooks) => sft(options, hooks), terminal),
})
