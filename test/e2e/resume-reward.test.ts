import { killAndResume, prepare } from '../resume-suite.ts'

prepare()
killAndResume('a reward model', 'reward', ['steps=50', 'saveEvery=2'])
