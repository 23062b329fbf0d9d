import { describe, expect, it } from 'vitest';
import example from '../../experiments/blueprints/gated-adapter.json' with { type: 'json' };
import { parseBlueprint } from '../blueprints/own-blueprints.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { rejection } from '../tezzeret/artifact.ts';
import { compileArtifact } from '../tezzeret/compiler.ts';
import { follow, openTiny, stages, tinyExperiment, wholeLife } from '../tolaria/_test-run.ts';
import { inlineBlueprints } from './blueprint-files.ts';

const text = JSON.stringify(example);
const files = (read: string[] = []) => ({
  async read(path: string) {
    read.push(path);
    return new TextEncoder().encode(text);
  },
});

describe('inlineBlueprints()', () => {
  it('puts files of "growth.blueprints" into the experiment, in their place', async () => {
    const read: string[] = [];
    const experiment = tinyExperiment({
      growth: { blueprints: ['widen-2', 'mine/gated-adapter.json'] },
    });
    const { growth } = await inlineBlueprints(experiment, 'exp', files(read));
    expect(read).toEqual(['exp/mine/gated-adapter.json']);
    expect(growth.blueprints).toEqual(['widen-2', 'gated-adapter']);
    expect(growth.ownBlueprints).toEqual([parseBlueprint(text, 'a.json')]);
  });

  it('leaves an experiment without files alone', async () => {
    const experiment = tinyExperiment({ growth: { blueprints: ['widen-2'] } });
    expect(await inlineBlueprints(experiment, 'exp', files())).toBe(experiment);
  });
});

describe('the example of a blueprint file', () => {
  it('is validated by the forge', async () => {
    const reference = createReferenceBackend();
    const { manifest } = await compileArtifact(
      parseBlueprint(text, 'a.json'),
      { kind: 'linear', input: [5], outFeatures: 3 },
      { backend: reference, reference, pipeline: 'fast' },
    );
    expect(rejection(manifest)).toBeNull();
  });

  it('lives a whole life in a run', async () => {
    const experiment = await inlineBlueprints(
      tinyExperiment({ growth: { blueprints: ['a.json'] } }),
      '',
      files(),
    );
    const { trainer } = await openTiny({ experiment });
    await follow(trainer, wholeLife('fc1', 'gated-adapter'));
    expect(stages(trainer)).toEqual(['fc1:FOSSILIZED']);
    const offers = trainer.growth.layerObservations().map((layer) => layer.offers.length);
    expect(offers).toEqual([1, 1]);
  });
});
