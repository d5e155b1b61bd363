export { type DpoConfig, dpoConfig, type SftConfig, sftConfig, trainKeys } from './config.ts'
export { type DriveOptions, type DriveResult, drive } from './drive.ts'
export type { EvalEvent, SampleEvent, StepEvent, TrainEvent, Training, WarningEvent } from './events.ts'
export { createTrainer, type ReferenceReader, type TrainData, type TrainerOptions } from './trainer.ts'
