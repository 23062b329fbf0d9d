/** The files that a data source reads, wherever its keys name them. */
import type { DataSpec } from './experiment.ts';

type ArrayPaths = Extract<DataSpec, { source: 'npy' }>['train'];

/** The same data source with every path replaced by what `one` makes of it. */
export function mapDataPaths(data: DataSpec, one: (path: string) => string): DataSpec {
  const some = (paths: string | string[]) =>
    typeof paths === 'string' ? one(paths) : paths.map(one);
  const pair = (files: ArrayPaths) => ({
    features: some(files.features),
    labels: some(files.labels),
  });
  switch (data.source) {
    case 'csv': {
      const test = data.test === undefined ? {} : { test: some(data.test) };
      return { ...data, train: some(data.train), ...test };
    }
    case 'idx':
    case 'npy': {
      const test = data.test === undefined ? {} : { test: pair(data.test) };
      return { ...data, train: pair(data.train), ...test };
    }
    case 'npz':
      return { ...data, file: one(data.file) };
    default:
      return data;
  }
}

/** Every path once, in the order in which the source reads them; empty for generated data. */
export function dataPaths(data: DataSpec): string[] {
  const paths = new Set<string>();
  mapDataPaths(data, (path) => {
    paths.add(path);
    return path;
  });
  return [...paths];
}
