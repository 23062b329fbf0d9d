/** The page's words, each in one line. */
export const GLOSSARY: readonly (readonly [term: string, meaning: string])[] = [
  ['Host', 'The network the run starts with'],
  ['Slot', 'A place beside a host layer where one seed can grow; empty slots cost nothing'],
  ['Seed', 'A small module that grows in a slot: it starts without any effect on the answer'],
  ['Blueprint', 'What a seed becomes, such as residual-mlp-16 or conv3x3-8'],
  ['Alpha (α)', 'How much of the seed the host feels: 0 is nothing, 1 is all of it'],
  ['Blend mode', 'How the seed’s output joins the host’s: added, replacing, multiplying or gated'],
  ['Gate', 'The checks between two stages; what was not measured does not pass'],
  ['Contribution', 'Loss without the seed minus loss with it: positive means it helps'],
  ['Gradient ratio', 'How strongly the seed is pulled compared with its host, per parameter'],
  ['Policy', 'What decides where and when to grow; the Decisions panel shows its reasons'],
  ['Breaker', 'Stops calls to a service that fails, so that a run never waits for it'],
  ['Fossilise', 'Make a proven seed a permanent part of the network'],
  ['Prune (cull)', 'Remove a seed without a trace'],
  ['Governor', 'Takes the run back to its last good state when numbers break down'],
  ['Run seed', 'The number all randomness derives from: the same seed repeats the same run'],
  ['Dispatch', 'One kernel started on the GPU'],
];
