/** One seed: its line thickens with alpha, its shape and word tell the stage. */
import { STAGE_LOOKS, STAGE_SHAPES } from '../../ui/stage.ts';
import styles from './growth-canvas.module.css';
import { branchPath, type SeedBranch } from './growth-layout.ts';

export function Branch({ branch }: { branch: SeedBranch }) {
  const { slot, node } = branch;
  const look = STAGE_LOOKS[slot.stage];
  const color = `var(${look.color})`;
  const isFree = slot.stage === 'DORMANT' || slot.stage === 'CULLED';
  // At alpha 0 a seed that learns is still there, only not felt: thin and dashed, never invisible.
  const width = isFree ? 1 : 1.5 + 3.5 * slot.alpha;
  const opacity = isFree ? 0.45 : 0.55 + 0.45 * slot.alpha;
  const isLearning = slot.stage === 'TRAINING' || slot.stage === 'LOADING';
  const label = slot.blueprint ?? look.label.toLowerCase();
  const { outline, fill } = STAGE_SHAPES[slot.stage];
  return (
    <g>
      <path
        className={`${styles['branch']} ${isLearning ? styles['learning'] : ''}`}
        d={branchPath(branch)}
        stroke={color}
        strokeWidth={width}
        strokeOpacity={opacity}
        strokeDasharray={isFree ? '2 5' : isLearning ? '5 5' : undefined}
      />
      <g transform={`translate(${node.x - 10} ${node.y - 10})`}>
        <circle className={styles['plate']} cx={10} cy={10} r={12} />
        <g transform="scale(1.25)">
          <path d={outline} fill="none" stroke={color} strokeWidth={1.6} strokeLinejoin="round" />
          {fill !== '' && <path d={fill} fill={color} />}
        </g>
      </g>
      <text className={isFree ? styles['detail'] : styles['seed']} x={node.x} y={node.y + 25}>
        {isFree ? label : `${slot.seedId ?? ''} ${label}`}
      </text>
    </g>
  );
}
