/** What a `HoneError` may carry besides its message. */
export interface HoneErrorOptions {
  /** What the user can do about it, in one or two sentences. */
  help?: string
  cause?: unknown
}

/**
 * Every error that hone raises on purpose: a stable code, what was got and what was expected, and the remedy.
 * The command line prints it without a stack and exits with `exitCode`.
 */
export class HoneError extends Error {
  readonly code: `E_${string}`
  readonly help?: string
  exitCode = 2

  constructor(code: `E_${string}`, message: string, options: HoneErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'HoneError'
    this.code = code
    this.help = options.help
  }
}

/** Throws `E_ABORTED` when the signal has fired. Called between units of work, never inside one. */
export function throwIfAborted(signal?: AbortSignal): void {
  if (!signal?.aborted) return
  const error = new HoneError('E_ABORTED', 'stopped on request', { cause: signal.reason })
  error.exitCode = 130
  throw error
}
