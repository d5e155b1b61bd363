/** One update on `tiny` and out: what a user waits for before anything happens. */
import { packTree } from 'hone-lm/batch'
import { openModel } from 'hone-lm/engine'
import { sft } from 'hone-lm/objectives'

await using model = await openModel('tiny')
const tokens = model.tokenizer.encode(' the first word of lamp, river is lamp')
const row = { id: 0, segments: [{ tokens, loss: new Uint8Array(tokens.length).fill(1) }] }
await model.engine.forwardBackward([packTree([row])], { objective: sft, params: {} })
await model.engine.optimStep({ learningRate: 1e-3 })
