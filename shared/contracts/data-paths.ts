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
      const train = some(data.train);
      return { ...data, train, ...(data.test === undefined ? {} : { test: some(data.test) }) };
    }
    case 'idx':
    case 'npy': {
      const train = pair(data.train);
      return { ...data, train, ...(data.test === undefined ? {} : { test: pair(data.test) }) };
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
