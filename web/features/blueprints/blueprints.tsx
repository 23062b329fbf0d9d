/** What a seed can become: the library and the person's own, with shapes, cost and a diagram. */
import { useEffect, useState } from 'react';
import type { HostShape } from '../../../shared/contracts/blueprint.ts';
import {
  type LibraryEntry,
  libraryOn,
  removeOwnBlueprint,
  useOwnBlueprints,
} from '../../blueprint-library.ts';
import { Button } from '../../ui/button.tsx';
import { SelectField } from '../../ui/field.tsx';
import { formatCount } from '../../ui/format.ts';
import { Panel } from '../../ui/panel.tsx';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import { BlueprintDrop } from './blueprint-drop.tsx';
import styles from './blueprints.module.css';
import { BlueprintDiagram } from './diagram.tsx';

const HOSTS: Record<string, { label: string; host: HostShape }> = {
  small: { label: 'Linear, 2 to 4', host: { kind: 'linear', input: [2], outFeatures: 4 } },
  linear: { label: 'Linear, 16 to 8', host: { kind: 'linear', input: [16], outFeatures: 8 } },
  sequence: {
    label: 'Linear, 16 to 8, at 12 positions, causal',
    host: {
      ...{ kind: 'linear', input: [16], outFeatures: 8 },
      positions: { length: 12, causal: true },
    },
  },
  conv: {
    label: 'Convolution 3x3, 12 by 12, 4 to 8 channels',
    host: {
      ...{ kind: 'conv2d', input: [12, 12, 4], outChannels: 8 },
      ...{ kernelSize: 3, stride: 1, padding: 1 },
    },
  },
  depthwise: {
    label: 'Depthwise convolution 3x3, 12 by 12, 8 channels',
    host: {
      ...{ kind: 'conv2d', input: [12, 12, 8], outChannels: 8 },
      ...{ kernelSize: 3, stride: 1, padding: 1, groups: 8 },
    },
  },
};

export function Blueprints({ className }: { className?: string | undefined }) {
  const own = useOwnBlueprints();
  const [hostKey, setHostKey] = useState('linear');
  const [chosen, setChosen] = useState<string | null>(null);
  const [entries, setEntries] = useState<LibraryEntry[]>([]);
  useEffect(() => {
    let isCurrent = true;
    void libraryOn(HOSTS[hostKey]!.host, own).then((all) => {
      if (isCurrent) setEntries(all);
    });
    return () => {
      isCurrent = false;
    };
  }, [hostKey, own]);
  const shown =
    entries.find((e) => e.blueprint.name === chosen) ?? entries.find((e) => e.preview !== null);
  return (
    <Panel title="Blueprints" note="what a seed can become" className={className}>
      <div className={styles['layout']}>
        <div className={styles['side']}>
          <SelectField
            label="On a layer of"
            value={hostKey}
            options={Object.entries(HOSTS).map(([value, { label }]) => ({ value, label }))}
            onChange={setHostKey}
          />
          <ScrollRegion label="List of blueprints" className={styles['list']}>
            <ul>
              {entries.map(({ blueprint, isOwn, preview }) => (
                <li key={blueprint.name}>
                  <button
                    type="button"
                    aria-pressed={blueprint.name === shown?.blueprint.name}
                    className={`${styles['entry']} ${preview ? '' : styles['unfit']}`}
                    onClick={() => setChosen(blueprint.name)}
                  >
                    <span>
                      {blueprint.name}
                      {isOwn && ' (own)'}
                    </span>
                    <span>{preview ? formatCount(preview.parameters) : 'does not fit'}</span>
                  </button>
                </li>
              ))}
            </ul>
          </ScrollRegion>
          <BlueprintDrop onAdded={setChosen} />
        </div>
        {shown && <Entry entry={shown} />}
      </div>
    </Panel>
  );
}

function Entry({ entry: { blueprint, isOwn, preview, reason } }: { entry: LibraryEntry }) {
  return (
    <div className={styles['detail']}>
      <header className={styles['head']}>
        <h3>{blueprint.name}</h3>
        {isOwn && <Button onClick={() => removeOwnBlueprint(blueprint.name)}>Remove</Button>}
      </header>
      <p>{blueprint.description || 'Without a description.'}</p>
      {preview ? (
        <>
          <BlueprintDiagram name={blueprint.name} preview={preview} />
          <p className={styles['cost']}>
            {formatCount(preview.parameters)} parameters, {formatCount(preview.multiplyAdds)}{' '}
            multiply-adds a row forward
          </p>
          <ScrollRegion label={`Nodes of ${blueprint.name}`} className={styles['nodes']}>
            <table>
              <thead>
                <tr>
                  <th scope="col">Node</th>
                  <th scope="col">What it does</th>
                  <th scope="col">Reads</th>
                  <th scope="col">Shape</th>
                  <th scope="col">Parameters</th>
                </tr>
              </thead>
              <tbody>
                {preview.nodes.map((node) => (
                  <tr key={node.id}>
                    <th scope="row">{node.id}</th>
                    <td>
                      {node.op} {node.detail}
                    </td>
                    <td>{node.inputs.join(', ')}</td>
                    <td>[{node.shape.join(', ')}]</td>
                    <td>{formatCount(node.parameters)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </ScrollRegion>
        </>
      ) : (
        <p className={styles['refusal']}>{reason}</p>
      )}
    </div>
  );
}
