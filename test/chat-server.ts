import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as the server saw it. */
export interface Seen {
  body: {
    model: string
    messages: { role: string; content: string }[]
    [key: string]: unknown
  }
  headers: IncomingMessage['headers']
  path: string
}

/** How one request is served. */
export type Behaviour = (response: ServerResponse, seen: Seen) => void | Promise<void>

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }

export const completion = (text: string, more: object = {}) => ({
  id: 'x',
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
  usage,
  ...more,
})

const json = (response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof value === 'string' ? value : JSON.stringify(value))
}

/** Ways to serve a request, well and badly. */
export const serve = {
  text:
    (text: string | ((seen: Seen) => string), more: object = {}): Behaviour =>
    (response, seen) =>
      json(response, 200, completion(typeof text === 'string' ? text : text(seen), more)),
  status:
    (
      status: number,
      headers: Record<string, string> = {},
      body: unknown = { error: { message: `status ${status}` } },
    ): Behaviour =>
    (response) =>
      json(response, status, body, headers),
  raw:
    (body: string, type = 'application/json'): Behaviour =>
    (response) => {
      response.writeHead(200, { 'content-type': type })
      response.end(body)
    },
  /** Takes the request and says nothing, for ever. */
  hang: (): Behaviour => () => {},
  /** The headers, and then nothing. */
  hangInBody: (): Behaviour => (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write('{"choices": [')
  },
  reset: (): Behaviour => (response) => void response.socket?.resetAndDestroy(),
  /** Says how long the body is, and breaks off in its middle. */
  cut: (): Behaviour => (response) => {
    const body = JSON.stringify(completion('a whole answer'))
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(body.length) })
    response.write(body.slice(0, body.length / 2), () => response.socket?.destroy())
  },
  /** Half a document, ended as if it were whole. */
  half: (): Behaviour => (response) => {
    const body = JSON.stringify(completion('a whole answer'))
    serve.raw(body.slice(0, body.length / 2))(response, {} as Seen)
  },
  /** A body of so many bytes, as fast as it is taken. */
  huge:
    (bytes: number): Behaviour =>
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const piece = 'x'.repeat(1 << 16)
      let left = bytes
      const more = () => {
        while (left > 0 && !response.destroyed) {
          left -= piece.length
          if (!response.write(piece)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    },
  later:
    (text: string, ms: number): Behaviour =>
    (response) =>
      void setTimeout(() => json(response, 200, completion(text)), ms),
  /** A right answer, a byte at a time. */
  drip:
    (text: string, everyMs: number): Behaviour =>
    (response) => {
      const body = JSON.stringify(completion(text))
      response.writeHead(200, { 'content-type': 'application/json' })
      let at = 0
      const timer = setInterval(() => {
        if (at < body.length && !response.destroyed) return void response.write(body[at++])
        clearInterval(timer)
        response.end()
      }, everyMs)
    },
}

export interface ChatServer extends AsyncDisposable {
  /** 'http://127.0.0.1:PORT/v1' */
  url: string
  requests: Seen[]
  /** Most requests that were under way at once. */
  most: number
  close(): Promise<void>
}

/** A local server for chat completions that does with each request what it is told: by a list, whose last entry stays, or a function. */
export async function chatServer(
  plan: readonly Behaviour[] | ((seen: Seen, index: number) => Behaviour),
): Promise<ChatServer> {
  const requests: Seen[] = []
  let open = 0
  const at = { most: 0 }
  const server = createServer(async (request, response) => {
    at.most = Math.max(at.most, ++open)
    response.on('close', () => open--)
    response.on('error', () => {})
    let text = ''
    for await (const chunk of request) text += chunk
    const seen = { body: JSON.parse(text), headers: request.headers, path: request.url ?? '' }
    const index = requests.push(seen) - 1
    const behave = typeof plan === 'function' ? plan(seen, index) : plan[Math.min(index, plan.length - 1)]
    await behave(response, seen)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    get most() {
      return at.most
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
