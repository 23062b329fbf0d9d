/**
 * P1: GradMax's student-teacher task, with the random baseline corrected. A teacher of 10-10-10
 * ReLU units; students of 5 units that get one more every 200 full-batch steps, up to 10.
 *
 * The source's "random" growth draws all outgoing weights from [0, 1); a Gaussian direction is the
 * fair baseline, and both are run. Its GradMaxOpt starts from such a draw and turns it a little; the
 * ascent of this program's policy, which starts from either sign, is run beside it. Students are in
 * students.ts, how they grow in student-teacher-growth.ts, the arms in student-teacher-arms.ts.
 *
 * Source: Evci et al. 2022, "GradMax: Growing neural networks using gradient information";
 * google-research/growneuron, Student_Teacher.ipynb.
 */
import type { SuiteResult } from '../../contracts/verdict.ts';
import { GROWING } from './student-teacher-arms.ts';
import { judge } from './student-teacher-tables.ts';
import { pairsOf, REPEATS } from './student-teacher-task.ts';
import { trainArms } from './student-teacher-training.ts';
import { interruptedResult, type Suite, type SuiteOptions } from './suite.ts';
import { SuiteStore } from './suite-store.ts';

const TEACHERS = 20;

async function run(options: SuiteOptions): Promise<SuiteResult> {
  const { backend, clock, shaderDigest } = options.bench;
  const began = clock.now();
  const teachers = options.seeds ?? TEACHERS;
  const store = await SuiteStore.open(options.store, {
    ...{ name: 'p1', seeds: teachers, data: 'drawn from the seed of each teacher' },
    arms: GROWING.join(', '),
    ...{ adapter: backend.adapter.name, shaders: shaderDigest },
  });
  const pairs = pairsOf(teachers);
  const found = await trainArms(options, store, pairs);
  const seconds = (clock.now() - began) / 1000;
  const about = {
    name: 'p1',
    title: `P1: GradMax student-teacher, ${teachers} teachers x ${REPEATS} students`,
    notes: [
      'Published: final losses read off figure 3a, 3 runs; first values of the weights differ from the',
      'source, so that losses compare by order, not by size. Pilot: numpy, 3 teachers x 10 seeds.',
    ],
  };
  if (!found) return interruptedResult(options, { ...about, seconds });
  const judged = judge(pairs, found);
  const { name: adapter } = backend.adapter;
  return { type: 'suite.finished', ...about, ...judged, status: 'done', adapter, seconds };
}

export const studentTeacher: Suite = {
  name: 'p1',
  summary: 'GradMax student-teacher, with the random baseline corrected',
  run,
};
