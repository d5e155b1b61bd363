/** Factor on the learning rate at an update, given how far the run is. */
export interface ScheduleConfig {
  kind: keyof typeof schedules
  /** Updates of linear warm-up from 0; below 1 a fraction of the run. */
  warmup: number
  /** Factor at the end, of those that fall. */
  floor: number
  /** Share of the run that `wsd` spends falling. */
  decay: number
}

export const scheduleDefaults: ScheduleConfig = { kind: 'cosine', warmup: 0.03, floor: 0, decay: 0.2 }

/** Each gives the factor at `progress` in [0, 1] of what follows the warm-up. */
export const schedules = {
  constant: () => 1,
  linear: (progress: number, { floor }: ScheduleConfig) => 1 - (1 - floor) * progress,
  /** Loshchilov & Hutter 2017. */
  cosine: (progress: number, { floor }: ScheduleConfig) =>
    floor + ((1 - floor) * (1 + Math.cos(Math.PI * progress))) / 2,
  /** Warm-up, stable, decay (Hu et al. 2024): constant, then linear over the last `decay` of the run. */
  wsd: (progress: number, { floor, decay }: ScheduleConfig) =>
    progress <= 1 - decay ? 1 : 1 - (1 - floor) * ((progress - (1 - decay)) / decay),
}

/**
 * The factor for update `step` (1 … total). The last update of a falling schedule is one step above its floor, so that
 * no update is spent on a rate of zero.
 */
export function scheduleFactor(step: number, total: number, config: ScheduleConfig): number {
  const warmup = config.warmup < 1 ? Math.round(config.warmup * total) : config.warmup
  if (step <= warmup) return step / (warmup + 1)
  const rest = Math.max(total - warmup, 1)
  return schedules[config.kind](Math.min((step - 1 - warmup) / rest, 1), config)
}
