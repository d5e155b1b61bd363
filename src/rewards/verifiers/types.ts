/** What a verifier is given. */
export interface Attempt {
  prompt?: string
  /** The completion's text, whole. */
  answer: string
  /** What it is held against; each verifier says which forms it takes. */
  reference: unknown
}

export interface Verdict {
  /** In [0, 1]: a reward. */
  score: number
  correct: boolean
  /** The part of the answer that was compared. */
  extracted?: string
  /** One sentence for people. */
  why: string
}

export interface VerifyOptions {
  signal?: AbortSignal
}

/** Says whether an answer is right, by rule. Give your own wherever one is asked for. */
export interface Verifier {
  id: string
  /** One sentence for listings. */
  about: string
  /** What its `reference` is. */
  takes: string
  /**
   * Any answer gets a verdict; only a reference that is no such thing is an error.
   * @throws HoneError E_REFERENCE
   */
  verify(attempt: Attempt, options?: VerifyOptions): Verdict | Promise<Verdict>
}
