/** Problem sets for the tests of verifiers: one of this project's own making, and published ones where a developer has them. */
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { extractReference } from '../src/rewards/verifiers/math/extract.ts'
import { sharedFolder } from './shared.ts'

interface Row {
  answer?: string | null
  solution?: string
}

/** Solutions or answers of the sets at hand. */
function references(): Record<string, string[]> {
  const own = readFileSync(new URL('../src/rewards/verifiers/math/fixtures/answers.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
  const folder = sharedFolder()
  const read = (name: string) => gunzipSync(readFileSync(`${folder}/data/${name}.gz`)).toString()
  const rows = (name: string): Row[] => {
    const text = read(name)
    return text.startsWith('[')
      ? JSON.parse(text)
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
  }
  const answers = (...names: string[]) =>
    names
      .flatMap(rows)
      .map(({ answer, solution }) => answer ?? solution ?? '')
      .filter((answer) => answer.trim() !== '')
  if (folder === null || !existsSync(`${folder}/data/math`) || !existsSync(`${folder}/data/gsm8k`)) return { own }
  return {
    own,
    gsm8k: answers('gsm8k/train.jsonl', 'gsm8k/test.jsonl'),
    'math, test': rows('math/math_test_5000.json').map(({ solution }) => solution ?? ''),
    'math, 500': answers('math/math500.jsonl'),
    'math, train': answers('math/math_train_deepscaler.json'),
    aime: answers('math/aime_train_deepscaler.json'),
  }
}

/** Each with its solutions or answers as given, and its different answers. */
export const problemSets = Object.entries(references()).map(([name, references]) => ({
  name,
  references,
  answers: [...new Set(references.map(extractReference))],
}))
