/** On or off, with its words. */
export function Switch(props: {
  label: string;
  hint?: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}) {
  const { label, hint, checked, disabled = false, onChange } = props;
  return (
    <label class="switch">
      <span class="switch-text">
        {label}
        {hint !== undefined && <small>{hint}</small>}
      </span>
      <input
        type="checkbox"
        role="switch"
        checked={checked}
        aria-checked={checked}
        disabled={disabled}
        onChange={(event) => {
          const wanted = event.currentTarget.checked;
          // It shows what is so: the answer moves it.
          event.currentTarget.checked = checked;
          onChange(wanted);
        }}
      />
    </label>
  );
}
