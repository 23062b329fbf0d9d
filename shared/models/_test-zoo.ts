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
  model('gpt-every', { kind: 'gpt', depth: 1, heads: 2, channels: 8, targets: 'every' }, [6], 5),
  model(
    'custom-images',
    {
      kind: 'layers',
      layers: [
        { kind: 'conv2d', channels: 8, kernelSize: 3, padding: 2, dilation: 2, bias: false },
        { kind: 'group-norm', groups: 2 },
        { kind: 'activation', activation: 'silu' },
        {
          kind: 'residual',
          body: [
            { kind: 'conv2d', channels: 8, kernelSize: 3, padding: 1, stride: 2, groups: 8 },
            { kind: 'conv2d', channels: 6, kernelSize: 1 },
            { kind: 'batch-norm' },
          ],
          shortcut: [{ kind: 'conv2d', name: 'shortcut', channels: 6, kernelSize: 1, stride: 2 }],
        },
        { kind: 'flatten' },
        { kind: 'activation', activation: 'tanh' },
        { kind: 'linear', units: 7 },
        { kind: 'dropout', rate: 0.1 },
        { kind: 'linear', name: 'head', units: 'classes' },
      ],
    },
    [6, 6, 2],
  ),
  model(
    'custom-signals',
    {
      kind: 'layers',
      layers: [
        { kind: 'reshape', shape: [12, 1] },
        { kind: 'conv1d', channels: 8, kernelSize: 5, stride: 2, padding: 2 },
        { kind: 'layer-norm' },
        { kind: 'residual', body: [{ kind: 'attention', heads: 2 }] },
        { kind: 'linear', units: 5 },
        { kind: 'activation', activation: 'relu' },
        { kind: 'global-pool' },
        { kind: 'linear', units: 'classes' },
      ],
    },
    [12],
  ),
];
