/**
 * Trains the arms of P1: the fixed ones by themselves, all growing ones side by side as replicas of
 * one dispatch, a phase for each width. What is finished is kept, and what is under way every hundred
 * steps.
 */
import { z } from 'zod';
import { RandomStream } from '../../base/random.ts';
import type { Backend } from '../../engine/plan/backend.ts';
import { type Arm, EVERY, GROWING, NAMES, START, STEPS } from './student-teacher-arms.ts';
import {
  crossMoment,
  gainOf,
  lossOf,
  newUnit,
  randomDirection,
  type Student,
  topDirection,
} from './student-teacher-growth.ts';
import type { Pair } from './student-teacher-task.ts';
import { FULL, Students } from './students.ts';
import type { SuiteOptions } from './suite.ts';
import type { SuiteStore } from './suite-store.ts';

/** Gradient gains of one pair from GradMax's own checkpoint: its own, and the best of five random ones. */
const Gains = z.object({ gradmax: z.number(), positive: z.number(), gaussian: z.number() });
type Gains = z.infer<typeof Gains>;

/** A part of the suite, kept when it is done. */
const numbers = z.array(z.number());
const Phase = z.object({
  students: z.array(
    z.object({
      fanIn: z.array(numbers),
      fanOut: z.array(numbers),
      aboveZero: numbers,
    }),
  ),
  gains: z.array(Gains),
});
type Phase = z.infer<typeof Phase>;

/** A part under way. */
const Begun = Phase.pick({ students: true }).extend({ step: z.number() });

/** Steps between two saves of a part under way. */
const PIECE = 100;

/** Steps of one student in every arm: those before the first growth are made once for all. */
const ALL_STEPS = 2 * STEPS + EVERY + GROWING.length * (STEPS - EVERY);

interface Piece {
  key: string;
  first: number;
  end: number;
  label: string;
  /** Share of the suite done at a step. */
  share(step: number): number;
  /** Brings the students to the beginning of the part. */
  begin(): Promise<void>;
  /** Brings them back to what was read on the way. */
  restore(students: Required<Student>[]): Promise<void>;
}

/** Trains a part in pieces, or what is left of it; null: it was stopped. */
async function trainPart(
  { onProgress, stop }: Pick<SuiteOptions, 'onProgress' | 'stop'>,
  store: SuiteStore,
  students: Students,
  { begin, end, first, key, label, restore, share }: Piece,
): Promise<Required<Student>[] | null> {
  const begun = await store.part(`${key}-begun`, Begun);
  if (begun) await restore(begun.students);
  else await begin();
  let step = begun?.step ?? first;
  for (;;) {
    const next = Math.min(end, step + PIECE);
    await students.train(step, next, stop, (now) => onProgress(share(now), label));
    if (stop.aborted) return null;
    step = next;
    const trained = await students.read();
    if (step === end) return trained;
    await store.keep(`${key}-begun`, { step, students: trained });
  }
}

/** What the arms came to. */
export interface Found {
  /** Final losses by pair. */
  losses: ReadonlyMap<Arm, number[]>;
  /** By growth, by pair. */
  gains: Gains[][];
}

/** Trains all arms; null: it was stopped. */
export async function trainArms(
  { bench, onProgress, stop }: SuiteOptions,
  store: SuiteStore,
  pairs: readonly Pair[],
): Promise<Found | null> {
  const { backend } = bench;
  const losses = new Map<Arm, number[]>();
  for (const [i, arm, units] of [
    [0, 'small', START],
    [1, 'big', FULL],
  ] as const) {
    let fixed = await store.part(arm, Phase);
    if (!fixed) {
      const students = new Students(backend, pairs);
      const trained = await trainPart({ onProgress, stop }, store, students, {
        ...{ key: arm, first: 0, end: STEPS, label: NAMES[arm] },
        share: (now) => (i * STEPS + now) / ALL_STEPS,
        begin: () => students.begin(units),
        restore: (kept) => students.restore(kept),
      });
      students.dispose();
      if (!trained) return null;
      fixed = { students: trained, gains: [] };
      await store.keep(arm, fixed);
      await store.drop(`${arm}-begun`);
    }
    losses.set(arm, finalLosses(fixed.students, pairs));
  }
  const phases = await trainGrowing({ backend, onProgress, stop }, store, pairs);
  if (!phases) return null;
  const final = phases.at(-1)!.students;
  GROWING.forEach((arm, i) => {
    losses.set(arm, finalLosses(final.slice(i * pairs.length, (i + 1) * pairs.length), pairs));
  });
  return { losses, gains: phases.map((p) => p.gains).filter((gains) => gains.length > 0) };
}

type GrowingOptions = Pick<SuiteOptions, 'onProgress' | 'stop'> & { backend: Backend };

/** All growing arms side by side, a phase for each width. */
async function trainGrowing(
  options: GrowingOptions,
  store: SuiteStore,
  pairs: readonly Pair[],
): Promise<Phase[] | null> {
  const phases: Phase[] = [];
  const arms = GROWING.flatMap((arm) => pairs.map((pair) => ({ arm, pair })));
  const students = new Students(
    options.backend,
    arms.map((a) => a.pair),
  );
  /** Whether the students stand where the phase before ended. */
  let isOpen = false;
  const grow = async (units: number, step: number) => {
    const before = phases.at(-1)!.students;
    if (!isOpen) await students.restore(before);
    await students.grow(
      before.map((student, i) => {
        const { arm, pair } = arms[i]!;
        const random = new RandomStream(pair.seed, `student-teacher/${arm}/${units - 1}`);
        return newUnit(arm, student, pair.task, random);
      }),
      step,
    );
  };
  try {
    for (let units = START; units <= FULL; units++) {
      const key = `growing-${units}`;
      let phase = await store.part(key, Phase);
      if (!phase) {
        const first = (units - START) * EVERY;
        const grown =
          units === START
            ? await trainFirst(options, store, key, pairs)
            : await trainPart(options, store, students, {
                ...{ key, first, end: units < FULL ? first + EVERY : STEPS },
                label: `growing, ${units} units`,
                share: (now) => (2 * STEPS + EVERY + GROWING.length * (now - EVERY)) / ALL_STEPS,
                begin: () => grow(units, first),
                restore: (kept) => students.restoreGrown(kept, first),
              });
        if (!grown) return null;
        isOpen = units > START;
        const gains = units < FULL ? gainsOf(grown.slice(0, pairs.length), pairs, units) : [];
        phase = { students: grown, gains };
        await store.keep(key, phase);
        await store.drop(`${key}-begun`);
      }
      phases.push(phase);
    }
    return phases;
  } finally {
    students.dispose();
  }
}

/** Students of five units until the first growth: up to there all growing arms are the same. */
async function trainFirst(
  options: GrowingOptions,
  store: SuiteStore,
  key: string,
  pairs: readonly Pair[],
): Promise<Required<Student>[] | null> {
  const students = new Students(options.backend, pairs);
  const trained = await trainPart(options, store, students, {
    ...{ key, first: 0, end: EVERY, label: `growing, ${START} units` },
    share: (now) => (2 * STEPS + now) / ALL_STEPS,
    begin: () => students.begin(START),
    restore: (kept) => students.restore(kept),
  });
  students.dispose();
  return trained && GROWING.flatMap(() => trained);
}

function finalLosses(students: readonly Student[], pairs: readonly Pair[]): number[] {
  return students.map((student, i) => lossOf(student, pairs[i]!.task));
}

/** GradMax and the best of five random directions, all scaled alike, from the same checkpoint. */
function gainsOf(students: readonly Student[], pairs: readonly Pair[], units: number) {
  return students.map((student, i) => {
    const { seed, task } = pairs[i]!;
    const random = new RandomStream(seed, `student-teacher/gains/${units}`);
    const b = crossMoment(student, task);
    const gain = (direction: readonly number[]) => {
      const length = Math.hypot(...direction);
      return gainOf(
        b,
        direction.map((v) => v / length),
      );
    };
    const best = (rule: 'random-positive' | 'random-gaussian') =>
      Math.max(...Array.from({ length: 5 }, () => gain(randomDirection(rule, random))));
    return {
      gradmax: gain(topDirection(b)),
      positive: best('random-positive'),
      gaussian: best('random-gaussian'),
    };
  });
}
