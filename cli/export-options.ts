/** What `esper export` was asked to do, and what it says afterwards. */
import type { ExportFormatName } from '#shared/contracts/export-format.ts';

export interface ExportOptions {
  /** Run folder, as typed. */
  folder: string;
  format: ExportFormatName;
  /** File to write, or the folder for formats whose readers look for files by name; null: beside the run. */
  outPath: string | null;
  /** Which of the run's networks, from 0. */
  replica: number;
  /** A capsule alone: put the data files into it. */
  withData: boolean;
  /** Replace what is there. */
  force: boolean;
}

export interface ExportWritten {
  type: 'export.written';
  format: ExportFormatName;
  path: string;
  bytes: number;
}
