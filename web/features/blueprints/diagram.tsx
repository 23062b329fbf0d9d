/** A blueprint as a picture: what reads what, with the shape of every value. */
import type { BlueprintPreview } from '../../blueprint-library.ts';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import styles from './blueprints.module.css';
import { layoutDiagram, NODE } from './diagram-layout.ts';

export function BlueprintDiagram({ name, preview }: { name: string; preview: BlueprintPreview }) {
  const { edges, height, nodes, width } = layoutDiagram(preview);
  const words = preview.nodes
    .map((n) => `${n.id}, ${n.op} of ${n.inputs.join(' and ')}, gives ${n.shape.join(' by ')}`)
    .join('; ');
  return (
    <ScrollRegion label={`Diagram of ${name}`} className={styles['diagram']}>
      <svg
        role="img"
        aria-label={`${name}: ${words}`}
        width={width + 4}
        height={height + 4}
        viewBox={`-2 -2 ${width + 4} ${height + 4}`}
      >
        {edges.map(({ from, to }) => {
          const [x1, y1] = [from.x + NODE.width, from.y + NODE.height / 2];
          const [x2, y2] = [to.x, to.y + NODE.height / 2];
          const middle = (x1 + x2) / 2;
          return (
            <path
              key={`${from.id} ${to.id}`}
              className={styles['edge']}
              d={`M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`}
            />
          );
        })}
        {nodes.map((node) => (
          <g key={node.id} transform={`translate(${node.x} ${node.y})`}>
            <rect className={styles['node']} width={NODE.width} height={NODE.height} rx="5" />
            <text className={styles['label']} x="8" y="17">
              {node.label}
            </text>
            <text className={styles['shape']} x="8" y="32">
              {node.shape}
            </text>
          </g>
        ))}
      </svg>
    </ScrollRegion>
  );
}
