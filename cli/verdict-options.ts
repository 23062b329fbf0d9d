/** What `esper verdict` was asked to do; see cli/verdict.ts. */
export interface VerdictCommandOptions {
  /** Path of a verdict file, as typed. */
  target: string;
  /** Folder of the verdict; null: `runs/verdict-<name>`. */
  outDirectory: string | null;
  /** Replaces the file's number of seeds; null: it stays. */
  seeds: number | null;
}
