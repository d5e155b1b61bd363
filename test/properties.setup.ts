import fc from 'fast-check'

/**
 * Property tests draw the same inputs every time, so that a run that was green stays green. `HONE_FUZZ_SEED` draws others, and
 * `HONE_PROPERTY_RUNS` more of them where a property does not fix their number.
 */
fc.configureGlobal({
  seed: Number(process.env['HONE_FUZZ_SEED'] ?? 20261123),
  numRuns: Number(process.env['HONE_PROPERTY_RUNS'] ?? 100),
})
