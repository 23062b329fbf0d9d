/** Names of what a run can be exported to, with the words for people. */
export const EXPORT_FORMAT_SUMMARIES = {
  onnx: 'the network as it evaluates, for ONNX Runtime and other programs',
  safetensors: 'the weights by name, in the layouts of PyTorch',
  tensorboard: 'loss, accuracy and health over the steps, for tensorboard --logdir',
  csv: 'the same series as a table, a row for each step',
  json: 'experiment, series and event log in one document',
  capsule: 'everything in one file that verifies itself: replay, rewind or fork it anywhere',
} as const;

export type ExportFormatName = keyof typeof EXPORT_FORMAT_SUMMARIES;

export const EXPORT_FORMAT_NAMES = Object.keys(EXPORT_FORMAT_SUMMARIES) as ExportFormatName[];
