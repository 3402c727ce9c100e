/** Why something did not work, spoken at once. */
export function Problem(props: { text: string | undefined }) {
  if (props.text === undefined) return null;
  return (
    <p class="problem" role="alert">
      {props.text}
    </p>
  );
}
