/** The model zoo in sizes that a test can run: a spec, its rows' feature axes and number of classes. */
import type { HostSpec } from '../contracts/host.ts';
import { HostSpec as HostSchema } from '../contracts/host.ts';

export interface ZooModel {
  name: string;
  host: HostSpec;
  input: readonly number[];
  classes: number;
}

const model = (
  name: string,
  host: Parameters<typeof HostSchema.parse>[0],
  input: readonly number[],
  classes = 3,
): ZooModel => ({ name, host: HostSchema.parse(host), input, classes });

/** Two of them have sizes that need padding in every channel axis. */
export const ZOO: readonly ZooModel[] = [
  model('mlp', { kind: 'mlp', hidden: [5, 6], activation: 'gelu' }, [3]),
  model('cnn', { kind: 'cnn', channels: [3, 5], hidden: [6], activation: 'silu' }, [6, 5, 2]),
  model(
    'cnn-global',
    { kind: 'cnn', channels: [6], pool: 'global', activation: 'tanh' },
    [4, 4, 1],
  ),
  model('lenet', { kind: 'lenet', channels: [3, 4], hidden: [7, 6], pool: 'avg' }, [12, 12, 1]),
  model('vgg', { kind: 'vgg', blocks: [[3, 4], [5]], hidden: [6] }, [6, 6, 2]),
  model('vgg-plain', { kind: 'vgg', blocks: [[4]], batchNorm: false }, [4, 4, 1]),
  model('resnet8', { kind: 'resnet', depth: 8, width: 3 }, [8, 8, 2]),
  model('resnet18-large', { kind: 'resnet', depth: 18, width: 2, stem: 'large' }, [18, 18, 3]),
  model('gpt', { kind: 'gpt', depth: 2, heads: 2, channels: 8 }, [6], 5),
  model(
    'gpt-untied',
    { kind: 'gpt', depth: 1, heads: 1, channels: 8, tied: false, vocabulary: 6 },
    [5],
  ),
];
