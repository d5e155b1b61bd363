/** Makes the pages of `docs/` that come from the catalogue and the recorded verdicts: `npm run docs`. */
import { writeDocs } from '../src/recipes/index.ts'

const changed = await writeDocs()
console.log(changed.length > 0 ? changed.join('\n') : 'nothing changed')
