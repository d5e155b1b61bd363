/**
 * Runs the proofs whose verdicts are not recorded for their present definition, records them under `docs/proofs/` with the
 * commit, and makes the docs anew: `npm run proofs [-- ID…] [--again]`. What was finished before it was stopped is kept.
 */
import { parseArgs } from 'node:util'
import { formatDuration, platform } from '../src/base/index.ts'
import { prove, writeRecord } from '../src/proofs/index.ts'
import { currentRecord, recipeIds, recipeOf, writeDocs } from '../src/recipes/index.ts'
import { openBackend } from '../src/tensor/index.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { again: { type: 'boolean', default: false } },
})
const git = async (...args: string[]) => {
  const { stdout } = await platform().spawn('git', args, { cwd: platform().packageRoot() })
  return stdout.trim()
}

let failed = 0
for (const id of positionals.length > 0 ? positionals : recipeIds) {
  const recipe = await recipeOf(id)
  const known = values.again ? null : await currentRecord(id)
  if (known) {
    console.log(`${id}: ${known.verdict}, recorded on ${known.date}`)
    continue
  }
  // A verdict names the commit it was reached at: what it rests on has to be in there.
  const loose = await git('status', '--porcelain', '--', 'src')
  const proven = await prove(recipe, { onProgress: (line) => console.error(line) })
  const backend = await openBackend({})
  const machine = `${backend.name} ${backend.isa}, ${backend.threads} threads`
  backend.close()
  const commit = `${await git('rev-parse', 'HEAD')}${loose === '' ? '' : ' with uncommitted changes'}`
  const date = new Date(platform().now()).toISOString().slice(0, 10)
  await writeRecord({ ...proven, date, commit, machine })
  console.log(`${id}: ${proven.verdict} in ${formatDuration(proven.seconds)}`)
  if (proven.verdict !== 'holds') failed++
}
for (const path of await writeDocs()) console.log(path)
process.exitCode = failed > 0 ? 1 : 0
