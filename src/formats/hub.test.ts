import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { platform, setPlatform } from '../base/index.ts'
import { type HubProgress, isHubId, type ResolveHubOptions, resolveHub } from './index.ts'

const COMMIT = 'c'.repeat(40)
const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31) % 251))
const contents: Record<string, Buffer> = {
  'config.json': Buffer.from('{"model_type":"llama"}'),
  'model.safetensors': weights,
  'onnx/model.onnx': Buffer.from('not wanted'),
  'data/train 1.jsonl': Buffer.from('{"text":"a"}\n'),
  'data/test.jsonl': Buffer.from('{"text":"b"}\n'),
}

function entry(path: string) {
  const content = contents[path]
  const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
  const large = path.endsWith('.safetensors')
  const lfs = { oid: createHash('sha256').update(content).digest('hex'), size: content.length, pointerSize: 134 }
  return { type: 'file', path, oid, size: content.length, ...(large ? { lfs } : {}) }
}

/** Takes over an answer; false leaves it to the well-behaved hub. */
type Mischief = (request: IncomingMessage, response: ServerResponse, attempt: number) => boolean
let mischief: Mischief = () => false
let asked: string[] = []
let ranges: (string | undefined)[] = []
let tokens = new Set<string | undefined>()
const attempts = new Map<string, number>()

const server = createServer((request, response) => {
  const url = decodeURIComponent(request.url!)
  asked.push(url)
  tokens.add(request.headers.authorization)
  attempts.set(url, (attempts.get(url) ?? 0) + 1)
  if (mischief(request, response, attempts.get(url)!)) return
  const json = (value: unknown, headers = {}) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(value))
  }
  if (/^\/api\/(models|datasets)\/org\/name\/revision\/(main|v1)$/.test(url)) return json({ sha: COMMIT })
  const tree = url.match(/^\/api\/(models|datasets)\/org\/name\/tree\/c+\?recursive=true(&cursor=2)?$/)
  if (tree) {
    const all = Object.keys(contents).map(entry)
    // Two pages, as the hub gives long lists.
    if (tree[2]) return json(all.slice(2))
    return json([{ type: 'directory', path: 'data', oid: '0'.repeat(40), size: 0 }, ...all.slice(0, 2)], {
      link: `<${address}${request.url}&cursor=2>; rel="next"`,
    })
  }
  const file = url.match(/^(\/datasets)?\/org\/name\/resolve\/c+\/(.*)$/)?.[2]
  if (file && contents[file]) return send(request, response, contents[file])
  response.writeHead(404, { 'x-error-code': 'RepoNotFound' })
  response.end()
})

function send(request: IncomingMessage, response: ServerResponse, content: Buffer): void {
  ranges.push(request.headers.range)
  const from = Number(request.headers.range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0)
  response.writeHead(request.headers.range ? 206 : 200, {
    'content-length': content.length - from,
    ...(request.headers.range ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
  })
  response.end(content.subarray(from))
}

let address = ''
let cache = ''
const machine = platform()
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'hone-hub-'))
  mischief = () => false
  asked = []
  ranges = []
  tokens = new Set()
  attempts.clear()
  vi.stubEnv('HF_ENDPOINT', `${address}/`)
  vi.stubEnv('HF_HOME', cache)
  for (const name of ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE']) vi.stubEnv(name, '')
})
afterEach(() => {
  setPlatform(machine)
  vi.unstubAllEnvs()
  rmSync(cache, { recursive: true })
})

const resolve = (options: Partial<ResolveHubOptions> = {}) =>
  resolveHub('org/name', { kind: 'model', retryMs: 1, timeoutMs: 5000, ...options })
const failure = async (options?: Partial<ResolveHubOptions>) => {
  const error = await resolve(options).then(
    () => expect.fail('it should have failed'),
    (thrown) => thrown,
  )
  expect(error.name).toBe('HoneError')
  return error as { code: string; message: string; help?: string }
}
const repository = (kind = 'models') => join(cache, 'hub', `${kind}--org--name`)
const blobs = () => readdirSync(join(repository(), 'blobs'))
/** Whether a request is for the weights. */
const forWeights = ({ url }: IncomingMessage) => url!.endsWith('/model.safetensors')

describe('a good hub', () => {
  test('gives a snapshot in the layout of the shared cache', async () => {
    const progress: HubProgress[] = []
    const folder = await resolve({ onProgress: (step) => progress.push(step) })
    expect(folder).toBe(join(repository(), 'snapshots', COMMIT))
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors'])
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true)
    expect(lstatSync(join(folder, 'model.safetensors')).isSymbolicLink()).toBe(true)
    expect(blobs().sort()).toEqual([entry('config.json').oid, entry('model.safetensors').lfs!.oid].sort())
    expect(readFileSync(join(repository(), 'refs/main'), 'utf8')).toBe(COMMIT)
    expect(progress.at(-1)).toEqual({ file: 'model.safetensors', received: 300_022, total: 300_022 })
    expect([...tokens]).toEqual([undefined])
  })

  test('is asked only for what is missing', async () => {
    await resolve()
    asked = []
    await resolve()
    expect(asked).toEqual(['/api/models/org/name/revision/main'])
    asked = []
    await resolve({ revision: COMMIT })
    expect(asked).toEqual([])
    rmSync(join(repository(), 'snapshots'), { recursive: true })
    await resolve({ revision: COMMIT })
    expect(asked, 'the blobs are still there').toEqual([])
    await resolve({ revision: COMMIT, allow: ['onnx/**'] })
    expect(asked).toEqual([`/org/name/resolve/${COMMIT}/onnx/model.onnx`])
  })

  test('data sets: files in folders, names with spaces, patterns', async () => {
    const folder = await resolve({ kind: 'dataset', allow: ['**/train*.jsonl'], revision: 'v1' })
    expect(readFileSync(join(folder, 'data/train 1.jsonl'), 'utf8')).toBe('{"text":"a"}\n')
    expect(readdirSync(join(folder, 'data'))).toEqual(['train 1.jsonl'])
    expect(readFileSync(join(repository('datasets'), 'refs/v1'), 'utf8')).toBe(COMMIT)
    await resolve({ kind: 'dataset', revision: 'v1' })
    expect(readdirSync(join(folder, 'data')).sort()).toEqual(['test.jsonl', 'train 1.jsonl'])
  })

  test('a token goes to the endpoint, never to the host it redirects to', async () => {
    vi.stubEnv('HF_TOKEN', 'secret')
    const seen: (string | undefined)[] = []
    const elsewhere = createServer((request, response) => {
      seen.push(request.headers.authorization)
      send(request, response, weights)
    })
    await new Promise<void>((done) => elsewhere.listen(0, 'localhost', done))
    mischief = (request, response) => {
      if (!forWeights(request)) return false
      response.writeHead(302, { location: `http://localhost:${(elsewhere.address() as AddressInfo).port}/blob` }).end()
      return true
    }
    await resolve()
    elsewhere.closeAllConnections()
    elsewhere.close()
    expect([...tokens]).toEqual(['Bearer secret'])
    expect(seen).toEqual([undefined])
  })

  test('without links the snapshot holds the files themselves', async () => {
    setPlatform({ ...machine, link: async () => false })
    const folder = await resolve()
    expect(lstatSync(join(folder, 'model.safetensors')).isFile()).toBe(true)
    expect(blobs()).toEqual([])
    asked = []
    await resolve()
    expect(asked).toHaveLength(1)
  })

  test('two at once download once', async () => {
    const [a, b] = await Promise.all([resolve(), resolve()])
    expect(a).toBe(b)
    expect(asked.filter((url) => url.endsWith('/model.safetensors'))).toHaveLength(1)
  })
})

describe('a hub that misbehaves', () => {
  test('an error of the server, once, is overcome', async () => {
    mischief = (_, response, attempt) => {
      if (attempt > 1) return false
      response.writeHead(500).end()
      return true
    }
    await resolve()
    expect(attempts.get(`/org/name/resolve/${COMMIT}/model.safetensors`)).toBe(2)
  })

  test('an answer that breaks off is resumed where it ended', async () => {
    mischief = (request, response, attempt) => {
      if (!forWeights(request) || attempt > 1) return false
      response.writeHead(200, { 'content-length': weights.length })
      response.write(weights.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20))
      return true
    }
    const folder = await resolve()
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true)
    expect(ranges.at(-1)).toBe('bytes=100000-')
    expect(readdirSync(join(repository(), 'blobs')).filter((name) => !/^[0-9a-f]+$/.test(name))).toEqual([])
  })

  test('an unfinished download of a run before is gone on with, unless the server cannot', async () => {
    const name = `${entry('model.safetensors').lfs!.oid}.incomplete`
    for (const honours of [true, false]) {
      rmSync(repository(), { recursive: true, force: true })
      mkdirSync(join(repository(), 'blobs'), { recursive: true })
      writeFileSync(join(repository(), 'blobs', name), weights.subarray(0, 5))
      mischief = (request) => {
        if (!honours) delete request.headers.range
        return false
      }
      const folder = await resolve()
      expect(readFileSync(join(folder, 'model.safetensors')).equals(weights), String(honours)).toBe(true)
      expect(ranges.at(-1)).toBe(honours ? 'bytes=5-' : undefined)
    }
  })

  test.each([
    ['other bytes', (length: number) => Buffer.alloc(length, 1), /SHA-256 is .* expected/],
    ['more bytes', (length: number) => Buffer.alloc(length + 1), /300001 bytes, expected 300000/],
  ])('%s than described are refused, and not kept', async (_, make, message) => {
    mischief = (request, response) => {
      if (!forWeights(request)) return false
      send(request, response, make(weights.length))
      return true
    }
    const error = await failure()
    expect(error).toMatchObject({ code: 'E_HUB_CORRUPT', message: expect.stringMatching(message) })
    expect(blobs()).toEqual([entry('config.json').oid])
    expect(attempts.get(`/org/name/resolve/${COMMIT}/model.safetensors`)).toBe(2)
  })

  test('a small file with another git hash is refused', async () => {
    mischief = (request, response) => {
      if (!request.url!.endsWith('config.json')) return false
      send(request, response, Buffer.from('{"model_type":"LLAMA"}'))
      return true
    }
    expect(await failure()).toMatchObject({ code: 'E_HUB_CORRUPT', message: expect.stringMatching(/git hash/) })
  })

  test('silence ends after the time limit', async () => {
    mischief = (request) => forWeights(request)
    const before = performance.now()
    const error = await failure({ timeoutMs: 60 })
    expect(error).toMatchObject({ code: 'E_NETWORK', message: expect.stringMatching(/no answer for 0.06 s/) })
    expect(attempts.get(`/org/name/resolve/${COMMIT}/model.safetensors`)).toBe(5)
    expect(performance.now() - before).toBeLessThan(5000)
  })

  test('silence in the middle of an answer, too', async () => {
    mischief = (request, response, attempt) => {
      if (!forWeights(request) || attempt > 1) return false
      response.writeHead(200, { 'content-length': weights.length })
      response.write(weights.subarray(0, 1000))
      return true
    }
    await resolve({ timeoutMs: 100 })
    expect(ranges.at(-1)).toBe('bytes=1000-')
  })

  test.each<[number, Record<string, string>, string, string, RegExp, RegExp]>([
    [401, {}, '', 'E_HUB_ACCESS', /does not exist on .*, or is private/, /set HF_TOKEN/],
    [401, {}, 'secret', 'E_HUB_ACCESS', /or is private/, /HF_TOKEN is valid/],
    [403, { 'x-error-code': 'GatedRepo' }, 'secret', 'E_HUB_ACCESS', /not open to this account/, /Ask for access/],
    [404, { 'x-error-code': 'RevisionNotFound' }, '', 'E_NOT_FOUND', /'main' does not exist/, /Check the revision/],
    [404, {}, '', 'E_NOT_FOUND', /the model org\/name/, /model or dataset/],
    [418, {}, '', 'E_HUB', /refused .* 418/, /^/],
  ])('status %i %j, token %j', async (status, headers, token, code, message, help) => {
    vi.stubEnv('HF_TOKEN', token)
    mischief = (_, response) => {
      response.writeHead(status, headers).end()
      return true
    }
    const error = await failure()
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(error.help ?? '').toMatch(help)
    expect(asked).toHaveLength(1)
  })

  test.each(['../evil', '/etc/passwd', 'a/../../b', 'a\\..\\b', 'C:evil', '', 'a//b', './a'])(
    'the file name %j is refused before anything is written',
    async (path) => {
      mischief = (request, response) => {
        if (!request.url!.includes('/tree/')) return false
        response.end(JSON.stringify([{ ...entry('config.json'), path }]))
        return true
      }
      expect(await failure()).toMatchObject({ code: 'E_HUB_PATH' })
      expect(readdirSync(cache)).toEqual([])
    },
  )

  test.each<[string, string, unknown]>([
    ['/revision/', 'a commit that is a path', { sha: '../../../../evil' }],
    ['/revision/', 'no commit', []],
    ['/tree/', 'a hash that is a path', [{ ...entry('config.json'), oid: '../../evil' }]],
    ['/tree/', 'a negative size', [{ ...entry('config.json'), size: -1 }]],
    ['/tree/', 'no list', { error: 'x' }],
  ])('%s gives %s', async (part, _, answer) => {
    mischief = (request, response) => {
      if (!request.url!.includes(part)) return false
      response.end(JSON.stringify(answer))
      return true
    }
    expect(await failure()).toMatchObject({ code: 'E_HUB' })
    expect(readdirSync(cache)).toEqual([])
  })

  test('pages that go round in circles, or to another host, end', async () => {
    for (const next of ['', 'http://127.0.0.1:1/']) {
      mischief = (request, response) => {
        if (!request.url!.includes('/tree/')) return false
        response.writeHead(200, { link: `<${next || request.url}>; rel="next"` }).end('[]')
        return true
      }
      expect(await failure()).toMatchObject({ code: 'E_HUB', message: expect.stringMatching(/circles/) })
    }
  })

  test('an answer that is no JSON', async () => {
    mischief = (_, response) => {
      response.end('<html>log in</html>')
      return true
    }
    expect(await failure()).toMatchObject({ code: 'E_HUB', message: expect.stringMatching(/other than JSON/) })
  })
})

describe('without a network', () => {
  test('a complete snapshot is used, offline or when nobody answers', async () => {
    const folder = await resolve()
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:1')
    expect(await resolve()).toBe(folder)
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect(await resolve()).toBe(folder)
    expect(await resolve({ revision: COMMIT })).toBe(folder)
    rmSync(join(folder, 'config.json'))
    expect(await failure()).toMatchObject({ code: 'E_OFFLINE', message: expect.stringMatching(/config.json/) })
    vi.stubEnv('HF_HUB_OFFLINE', '')
    expect(await failure()).toMatchObject({ code: 'E_NETWORK', help: expect.stringMatching(/HF_ENDPOINT/) })
  })

  test('what another tool has put into the cache is found', async () => {
    const snapshot = join(repository(), 'snapshots', COMMIT)
    mkdirSync(snapshot, { recursive: true })
    mkdirSync(join(repository(), 'refs'))
    writeFileSync(join(repository(), 'refs/main'), `${COMMIT}\n`)
    writeFileSync(join(snapshot, 'config.json'), '{}')
    vi.stubEnv('HF_HUB_OFFLINE', 'yes')
    expect(await resolve()).toBe(snapshot)
    expect(asked).toEqual([])
    expect(await failure({ revision: 'v2' })).toMatchObject({ code: 'E_OFFLINE' })
  })
})

test('stops when asked to, and keeps what has arrived', async () => {
  const stop = new AbortController()
  mischief = (request, response) => {
    if (!forWeights(request)) return false
    response.writeHead(200, { 'content-length': weights.length })
    response.write(weights.subarray(0, 1000), () => setTimeout(() => stop.abort(), 50))
    return true
  }
  expect(await failure({ signal: stop.signal })).toMatchObject({ code: 'E_ABORTED' })
  const left = blobs().find((name) => name.endsWith('.incomplete'))!
  expect(lstatSync(join(repository(), 'blobs', left)).size).toBe(1000)
  expect(blobs().filter((name) => name.endsWith('.lock'))).toEqual([])
})

test('takes over from a process that has died', async () => {
  mkdirSync(join(repository(), 'blobs'), { recursive: true })
  const lock = join(repository(), 'blobs', `${entry('config.json').oid}.lock`)
  writeFileSync(lock, JSON.stringify({ host: machine.hostName(), process: 2 ** 30 }))
  await resolve()
  expect(blobs().filter((name) => name.endsWith('.lock'))).toEqual([])
})

test('ids, revisions, and repositories without wanted files', async () => {
  expect(['gpt2', 'org/name', 'a-b.c/d_e'].every(isHubId)).toBe(true)
  expect(['', './x', '../x', 'a/b/c', '/a', 'a..b', 'a--b', 'a b', 'a/'].some(isHubId)).toBe(false)
  await expect(resolveHub('../x', { kind: 'model' })).rejects.toMatchObject({ code: 'E_HUB_ID' })
  expect(await failure({ revision: '../x' })).toMatchObject({ code: 'E_HUB_ID' })
  expect(await failure({ allow: ['*.gguf'] })).toMatchObject({
    code: 'E_HUB_EMPTY',
    message: expect.stringMatching(/config.json/),
  })
  expect(asked).toHaveLength(3)
})

test('a repository of pickles is refused before it is downloaded', async () => {
  mischief = (request, response) => {
    if (!request.url!.includes('/tree/')) return false
    response.end(JSON.stringify([entry('config.json'), { ...entry('config.json'), path: 'pytorch_model.bin' }]))
    return true
  }
  expect(await failure()).toMatchObject({ code: 'E_PICKLE' })
})
