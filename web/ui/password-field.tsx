import type { ComponentChildren } from "preact";
import { PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN } from "#proto/limits.ts";

/** A labelled field of a form. */
export function Labelled(props: { label: string; hint?: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label class="labelled">
      <span>{props.label}</span>
      {props.children}
      {props.hint !== undefined && <small>{props.hint}</small>}
    </label>
  );
}

export function PasswordField(props: {
  label: string;
  hint?: string;
  isNew: boolean;
  value: string;
  onInput: (value: string) => void;
}) {
  return (
    <Labelled label={props.label} {...(props.hint === undefined ? {} : { hint: props.hint })}>
      <input
        class="field"
        type="password"
        required
        minLength={props.isNew ? PASSWORD_CHARS_MIN : 1}
        maxLength={PASSWORD_CHARS_MAX}
        autocomplete={props.isNew ? "new-password" : "current-password"}
        value={props.value}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
    </Labelled>
  );
}
