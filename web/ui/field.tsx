/** Labelled form fields. Each shows its own fault under itself and names it to screen readers. */
import { type ReactNode, useEffect, useId, useState } from 'react';
import styles from './controls.module.css';

interface FieldProps {
  label: string;
  issue?: string | null;
  hint?: string;
  className?: string | undefined;
  /** Of the input, for who leads the focus to it. */
  id?: string;
}

interface Wiring {
  id: string;
  describedBy: { 'aria-describedby'?: string };
}

function Field({
  label,
  issue,
  hint,
  className,
  id: given,
  children,
}: FieldProps & { children: (wiring: Wiring) => ReactNode }) {
  const own = useId();
  const id = given ?? own;
  const noteId = `${id}-note`;
  const note = issue ?? hint;
  return (
    <div className={`${styles['field']} ${className ?? ''}`}>
      <label className={styles['label']} htmlFor={id}>
        {label}
      </label>
      {children({ id, describedBy: note ? { 'aria-describedby': noteId } : {} })}
      {note && (
        <span id={noteId} className={issue ? styles['issue'] : styles['hint']}>
          {note}
        </span>
      )}
    </div>
  );
}

/** Text that becomes a value on each keystroke; what was typed stays until the value changes. */
interface TextValueProps<T> extends FieldProps {
  value: T;
  format: (value: T) => string;
  parse: (text: string) => T;
  onChange: (value: T) => void;
  inputMode?: 'numeric' | 'decimal' | 'text';
}

export function TextValueField<T>({
  value,
  format,
  parse,
  onChange,
  inputMode = 'text',
  ...field
}: TextValueProps<T>) {
  const [text, setText] = useState(() => format(value));
  const canonical = format(value);
  useEffect(() => {
    // Another preset or seed replaced the value: what was typed is void.
    setText((typed) => (format(parse(typed)) === canonical ? typed : canonical));
  }, [canonical, format, parse]);
  return (
    <Field {...field}>
      {({ id, describedBy }) => (
        <input
          id={id}
          className={styles['input']}
          type="text"
          inputMode={inputMode}
          autoComplete="off"
          spellCheck={false}
          value={text}
          aria-invalid={field.issue ? true : undefined}
          {...describedBy}
          onChange={(event) => {
            setText(event.target.value);
            onChange(parse(event.target.value));
          }}
        />
      )}
    </Field>
  );
}

const formatNumber = (value: number): string => (Number.isNaN(value) ? '' : String(value));
const parseNumber = (text: string): number =>
  text.trim() === '' ? Number.NaN : Number(text.replace(/[\s_]/g, ''));

/** A number; text that is none gives NaN, which the contract refuses with its own message. */
export function NumberField(
  props: FieldProps & { value: number; onChange: (value: number) => void },
) {
  return (
    <TextValueField {...props} format={formatNumber} parse={parseNumber} inputMode="decimal" />
  );
}

/** Text that is not shown and that the browser is asked not to remember. */
export function SecretField({
  value,
  onChange,
  ...field
}: FieldProps & { value: string; onChange: (value: string) => void }) {
  return (
    <Field {...field}>
      {({ id, describedBy }) => (
        <input
          id={id}
          className={styles['input']}
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={value}
          aria-invalid={field.issue ? true : undefined}
          {...describedBy}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

interface SelectProps<T extends string> extends FieldProps {
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}

export function SelectField<T extends string>({
  value,
  options,
  onChange,
  ...field
}: SelectProps<T>) {
  return (
    <Field {...field}>
      {({ id, describedBy }) => (
        <select
          id={id}
          className={styles['input']}
          value={value}
          {...describedBy}
          onChange={(event) => onChange(event.target.value as T)}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface RangeProps extends FieldProps {
  min: number;
  max: number;
  step: number;
  value: number;
  /** What a screen reader says for the value. */
  valueText: string;
  onChange: (value: number) => void;
}

export function RangeField({ min, max, step, value, valueText, onChange, ...field }: RangeProps) {
  return (
    <Field {...field}>
      {({ id, describedBy }) => (
        <input
          id={id}
          className={styles['range']}
          type="range"
          min={min}
          max={max}
          step={step}
          value={value}
          aria-valuetext={valueText}
          {...describedBy}
          onChange={(event) => onChange(Number(event.target.value))}
        />
      )}
    </Field>
  );
}

export function CheckField({
  label,
  checked,
  onChange,
}: {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label className={styles['check']}>
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
      {label}
    </label>
  );
}
